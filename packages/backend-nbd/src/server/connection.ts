import { encodeUtf8 } from '@vmcraft/core';
import { viewOf } from '@vmcraft/core/binary';
import type { ByteStream } from '../byte-stream.js';
import {
  CHUNK_DONE,
  CHUNK_MAGIC,
  Chunk,
  ChunkType,
  Command,
  ERROR_NAMES,
  REQUEST_MAGIC,
  Request,
  SIMPLE_REPLY_MAGIC,
  SimpleReply,
} from '../layout.js';
import { MAX_PAYLOAD } from './export.js';
import type { ClientChoice } from './negotiation.js';
import { type Outcome, perform, type ServerRequest } from './operations.js';

/** Requests of one client under way at once, and the bytes that they may hold; more wait in the socket. */
const MAX_REQUESTS = 32;
const MAX_BYTES = 2 * MAX_PAYLOAD;

/** The transmission phase with one client. */
export class Transmission {
  #requests = 0;
  #bytes = 0;
  #wake: (() => void) | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly stream: ByteStream,
    private readonly choice: ClientChoice,
  ) {}

  /** Until the client disconnects, properly or not. Everything that was begun has ended then. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const request = await this.#next();
        if (request === undefined) return;
        void this.#serve(request);
      }
    } finally {
      while (this.#requests > 0) await this.#change();
      await this.#sending.catch(() => undefined);
    }
  }

  /** Undefined at a disconnect, or when the client sends no request: nothing after that can be understood. */
  async #next(): Promise<ServerRequest | undefined> {
    while (this.#requests >= MAX_REQUESTS || this.#bytes >= MAX_BYTES) await this.#change();
    const header = Request.decode(await this.stream.read(Request.size));
    if (header.magic !== REQUEST_MAGIC || header.type === Command.disconnect) return undefined;
    const carries = header.type === Command.write;
    if (carries && header.length > MAX_PAYLOAD) return undefined;
    const payload = carries ? await this.stream.read(header.length) : new Uint8Array();
    return { ...header, payload };
  }

  async #serve(request: ServerRequest): Promise<void> {
    const bytes = request.type === Command.read ? Math.min(request.length, MAX_PAYLOAD) : request.payload.length;
    this.#requests += 1;
    this.#bytes += bytes;
    try {
      const outcome = await perform(this.choice.served, request, this.choice.allocation);
      const parts = this.choice.structured ? structured(request, outcome) : simple(request, outcome);
      // The parts of a reply must not mix with those of another.
      this.#sending = this.#sending.then(async () => {
        for (const part of parts) await this.stream.write(part);
      });
      await this.#sending;
    } catch {
      // The client has gone; reading from it fails, too.
    } finally {
      this.#requests -= 1;
      this.#bytes -= bytes;
      this.#wake?.();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function simple({ cookie }: ServerRequest, outcome: Outcome): Uint8Array[] {
  const error = 'error' in outcome ? outcome.error : 0;
  const header = SimpleReply.encode({ magic: SIMPLE_REPLY_MAGIC, error, cookie });
  return 'data' in outcome && outcome.data !== undefined ? [header, outcome.data] : [header];
}

function structured({ cookie, offset }: ServerRequest, outcome: Outcome): Uint8Array[] {
  const chunk = (type: number, length: number): Uint8Array =>
    Chunk.encode({ magic: CHUNK_MAGIC, flags: CHUNK_DONE, type, cookie, length });
  if ('error' in outcome) {
    const text = encodeUtf8(ERROR_NAMES[outcome.error] ?? 'EIO');
    const body = new Uint8Array(6 + text.length);
    viewOf(body).setUint32(0, outcome.error);
    viewOf(body).setUint16(4, text.length);
    body.set(text, 6);
    return [chunk(ChunkType.error, body.length), body];
  }
  if (outcome.data !== undefined) {
    const at = new Uint8Array(8);
    viewOf(at).setBigUint64(0, offset);
    return [chunk(ChunkType.offsetData, 8 + outcome.data.length), at, outcome.data];
  }
  if (outcome.status !== undefined) return [chunk(ChunkType.blockStatus, outcome.status.length), outcome.status];
  return [chunk(ChunkType.none, 0)];
}

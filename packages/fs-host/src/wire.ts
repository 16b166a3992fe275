import { decodeFileName, encodeFileName } from '@vmcraft/core';

/** A message of the helper, besides its bytes. */
export interface HelperReply {
  readonly id: number;
  /** More replies to the same request follow. */
  readonly more?: boolean;
  /** Name of an errno, when the host's kernel refused. */
  readonly errno?: string;
  /** Why it failed, for people. */
  readonly reason?: string;
  readonly result?: unknown;
  /** Output of a running program: 1 or 2. */
  readonly stream?: 1 | 2;
}

/** Two lengths, JSON and bytes. */
const HEADER = 8;
/** Longest message that is believed. */
const MAX_MESSAGE = 128 * 1024 * 1024;

/** One message as bytes. */
export function encodeMessage(message: object, data: Uint8Array): Uint8Array[] {
  const text = Buffer.from(JSON.stringify(message));
  const header = Buffer.alloc(HEADER);
  header.writeUInt32BE(text.length, 0);
  header.writeUInt32BE(data.length, 4);
  return data.length === 0 ? [header, text] : [header, text, data];
}

/** Puts messages together from the pieces that a pipe gives. */
export class MessageReader {
  #chunks: Uint8Array[] = [];
  #held = 0;

  constructor(private readonly receive: (reply: HelperReply, data: Uint8Array) => void) {}

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    for (;;) {
      if (this.#held < HEADER) return;
      const start = this.#join(HEADER);
      const text = start.readUInt32BE(0);
      const bytes = start.readUInt32BE(4);
      if (text + bytes > MAX_MESSAGE) throw new RangeError(`a message of ${text + bytes} bytes`);
      const whole = HEADER + text + bytes;
      if (this.#held < whole) return;
      const message = this.#join(whole);
      const reply = JSON.parse(message.subarray(HEADER, HEADER + text).toString()) as HelperReply;
      const data = new Uint8Array(message.subarray(HEADER + text, whole));
      const rest = message.subarray(whole);
      this.#chunks = rest.length === 0 ? [] : [rest, ...this.#chunks.slice(1)];
      this.#held -= whole;
      this.receive(reply, data);
    }
  }

  /** The first chunk, made at least `length` bytes long. */
  #join(length: number): Buffer {
    let first = this.#chunks[0] as Uint8Array;
    if (first.length < length) {
      const all: Uint8Array[] = [];
      let size = 0;
      while (size < length) {
        const chunk = this.#chunks.shift() as Uint8Array;
        all.push(chunk);
        size += chunk.length;
      }
      first = Buffer.concat(all);
      this.#chunks.unshift(first);
    }
    return Buffer.from(first.buffer, first.byteOffset, first.length);
  }
}

/** Names travel as one character per byte, because they need not be UTF-8. */
export function toWire(name: string): string {
  return Buffer.from(encodeFileName(name)).toString('latin1');
}

/** The inverse of {@link toWire}. */
export function fromWire(text: string): string {
  return decodeFileName(Buffer.from(text, 'latin1'));
}

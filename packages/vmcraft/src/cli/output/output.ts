import type { Writable } from 'node:stream';
import { encodeFileName } from '@vmcraft/core/binary';
import { VmcraftError } from '@vmcraft/core/errors';

/** Where the output of commands goes. Text may carry file names that are not UTF-8; they come out as their own bytes. */
export interface Output {
  write(chunk: string | Uint8Array): Promise<void>;
  /** Whether a person is looking. */
  readonly isTerminal: boolean;
}

/** The reader of our output went away (SIGPIPE in other programs). */
export class BrokenPipeError extends VmcraftError {
  constructor(cause?: unknown) {
    super({ code: 'VMC_BROKEN_PIPE', message: 'the reader of the output went away', cause });
  }
}

/** Whether an error is, or comes from, a reader that went away. */
export function isBrokenPipe(thrown: unknown): boolean {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 16; error = error.cause, depth++) {
    if (error instanceof BrokenPipeError) return true;
  }
  return false;
}

const LONE_SURROGATE = /[\ud800-\udfff]/;

/** Output to a stream of Node, at the stream's own pace. */
export class StreamOutput implements Output {
  readonly #stream: Writable;
  #failure: unknown;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', (error: unknown) => {
      this.#failure ??= error;
    });
  }

  get isTerminal(): boolean {
    return (this.#stream as Writable & { isTTY?: boolean }).isTTY === true;
  }

  /** Whether this is the output of that stream. */
  writesTo(stream: Writable): boolean {
    return this.#stream === stream;
  }

  /** @throws BrokenPipeError when nobody reads any more */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw new BrokenPipeError(this.#failure);
    const data = typeof chunk === 'string' && LONE_SURROGATE.test(chunk) ? encodeFileName(chunk) : chunk;
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(data, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(new BrokenPipeError(error));
      });
    });
  }
}

/** Output kept in memory, for tests and for results that are passed on. */
export class MemoryOutput implements Output {
  readonly isTerminal = false;
  readonly #chunks: Uint8Array[] = [];

  async write(chunk: string | Uint8Array): Promise<void> {
    this.#chunks.push(typeof chunk === 'string' ? encodeFileName(chunk) : Uint8Array.from(chunk));
  }

  /** Everything written so far, as UTF-8. */
  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  /** Everything written so far. */
  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }
}

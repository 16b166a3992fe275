import { decodeFileName } from '@vmcraft/core/binary';

const NEWLINE = 10;

/** Where lines of commands come from. */
export interface ScriptInput {
  /** Shown before errors. Names in asterisks are standard input. */
  readonly name: string;
  /** Number of the line read last, from 1. */
  readonly line: number;
  /** The next line without its end; undefined at the end. */
  readLine(): Promise<string | undefined>;
  /** Everything not read yet. */
  rest(): AsyncIterable<Uint8Array>;
}

/** Bytes read line by line; what is left can be taken over as a stream, for `upload - /file`. */
export class LineSource implements ScriptInput {
  /** Shown before errors: `script.gf` or `*stdin*`. */
  readonly name: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #pending: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  #ended = false;
  #line = 0;

  constructor(name: string, bytes: AsyncIterable<Uint8Array>) {
    this.name = name;
    this.#chunks = bytes[Symbol.asyncIterator]();
  }

  /** Number of the line read last, from 1. */
  get line(): number {
    return this.#line;
  }

  /** The next line without its end; undefined at the end. */
  async readLine(): Promise<string | undefined> {
    const parts: Uint8Array[] = [];
    for (;;) {
      const end = this.#pending.indexOf(NEWLINE);
      if (end >= 0) {
        parts.push(this.#pending.subarray(0, end));
        this.#pending = this.#pending.subarray(end + 1);
        break;
      }
      if (this.#pending.length > 0) parts.push(this.#pending);
      this.#pending = await this.#nextChunk();
      if (this.#ended) {
        if (parts.length === 0) return undefined;
        break;
      }
    }
    this.#line += 1;
    return decodeFileName(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
  }

  /** Everything not read yet. */
  async *rest(): AsyncGenerator<Uint8Array> {
    while (!this.#ended) {
      if (this.#pending.length > 0) yield this.#pending;
      this.#pending = await this.#nextChunk();
    }
  }

  /** Stop reading the underlying stream. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#chunks.return?.();
  }

  async #nextChunk(): Promise<Uint8Array> {
    const next = this.#ended ? { done: true as const } : await this.#chunks.next();
    if (next.done === true) this.#ended = true;
    return next.done === true ? new Uint8Array(0) : next.value;
  }
}

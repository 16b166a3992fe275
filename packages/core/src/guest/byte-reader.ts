import { concatBytes } from '../binary/index.js';

/** Takes bytes off the front of a stream in pieces of any size. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #buffer: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next bytes, at most `length`, without taking them. Fewer at the end. */
  async peek(length: number): Promise<Uint8Array> {
    const parts = [this.#buffer];
    let have = this.#buffer.length;
    while (have < length && !this.#ended) {
      const next = await this.#source.next();
      if (next.done === true) {
        this.#ended = true;
        break;
      }
      parts.push(next.value);
      have += next.value.length;
    }
    if (parts.length > 1) this.#buffer = concatBytes(parts);
    return this.#buffer.subarray(0, length);
  }

  /** Exactly the next bytes; undefined when there are fewer. */
  async take(length: number): Promise<Uint8Array | undefined> {
    const bytes = await this.peek(length);
    if (bytes.length < length) return undefined;
    this.#buffer = this.#buffer.subarray(length);
    return bytes;
  }

  /** The next bytes in chunks as they come; ends early when the stream does. */
  async *stream(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      const available = await this.peek(1);
      if (available.length === 0) return;
      const chunk = this.#buffer.subarray(0, left);
      this.#buffer = this.#buffer.subarray(chunk.length);
      left -= chunk.length;
      yield chunk;
    }
  }

  /** Pass over bytes. @returns whether all of them were there */
  async skip(length: number): Promise<boolean> {
    let skipped = 0;
    for await (const chunk of this.stream(length)) skipped += chunk.length;
    return skipped === length;
  }

  /** All that is left. */
  rest(): AsyncGenerator<Uint8Array> {
    return this.stream(Number.POSITIVE_INFINITY);
  }

  /** Let the producer of the stream end. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#source.return?.();
  }
}

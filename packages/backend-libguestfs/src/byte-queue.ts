import type { Socket } from 'node:net';

/** The bytes of a socket, in the pieces that the reader asks for. */
export class ByteQueue {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  /** Exactly `length` bytes; undefined when the peer hangs up before. */
  async take(length: number): Promise<Uint8Array | undefined> {
    if (this.#rest.length >= length) return this.#cut(length);
    const parts: Uint8Array[] = [this.#rest];
    let have = this.#rest.length;
    while (have < length) {
      const { value, done } = await this.#chunks.next();
      if (done === true) return undefined;
      parts.push(value);
      have += value.length;
    }
    this.#rest = Buffer.concat(parts, have);
    return this.#cut(length);
  }

  #cut(length: number): Uint8Array {
    const piece = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return piece;
  }
}

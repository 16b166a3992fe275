import type { IoOptions } from '../contracts/index.js';

/** Two pieces of memory for a reader that works on one chunk while the next is fetched; each is made when it is first taken. */
export class AlternatingBuffers {
  readonly #buffers: [Uint8Array | undefined, Uint8Array | undefined] = [undefined, undefined];
  #turn: 0 | 1 = 0;

  /** @param size bytes; only reads of exactly this length get one */
  constructor(readonly size: number) {}

  /** The options with the memory of the chunk before the last, whose reader is done with it. */
  lend(options: IoOptions): IoOptions {
    const turn = this.#turn;
    this.#turn = turn === 0 ? 1 : 0;
    let isTaken = false;
    const take = (length: number): Uint8Array | undefined => {
      if (isTaken || length !== this.size) return undefined;
      isTaken = true;
      this.#buffers[turn] ??= new Uint8Array(this.size);
      return this.#buffers[turn];
    };
    return { ...options, into: { take } };
  }
}

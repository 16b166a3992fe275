const CHUNK_SHIFT = 15;
const CHUNK_MASK = (1 << CHUNK_SHIFT) - 1;

/** A set of cell offsets, as bits: one for each place where a cell can begin. */
export class OffsetSet {
  readonly #chunks = new Map<number, Uint8Array>();

  /** Add an offset; returns whether it was new. */
  add(cell: number): boolean {
    const index = cell >>> 3;
    const number = index >>> CHUNK_SHIFT;
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) {
      chunk = new Uint8Array((CHUNK_MASK + 1) >> 3);
      this.#chunks.set(number, chunk);
    }
    const [at, bit] = [(index & CHUNK_MASK) >>> 3, 1 << (index & 7)];
    if ((chunk[at]! & bit) !== 0) return false;
    chunk[at]! |= bit;
    return true;
  }
}

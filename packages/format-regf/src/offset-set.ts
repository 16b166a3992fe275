/** Cells that one chunk of bits tells of, as a power of two. */
const CHUNK_SHIFT = 15;
const CHUNK_MASK = (1 << CHUNK_SHIFT) - 1;

/** A set of cell offsets, as bits: one for each place where a cell can begin. */
export class OffsetSet {
  readonly #chunks: (Uint8Array | undefined)[] = [];

  /** Add an offset; returns whether it was new. */
  add(cell: number): boolean {
    const index = cell >>> 3;
    const chunk = this.#chunks[index >>> CHUNK_SHIFT] ?? this.#chunk(index >>> CHUNK_SHIFT);
    const at = (index & CHUNK_MASK) >>> 3;
    const bits = chunk[at]!;
    const bit = 1 << (index & 7);
    if ((bits & bit) !== 0) return false;
    chunk[at] = bits | bit;
    return true;
  }

  #chunk(number: number): Uint8Array {
    const chunk = new Uint8Array((CHUNK_MASK + 1) >> 3);
    this.#chunks[number] = chunk;
    return chunk;
  }
}

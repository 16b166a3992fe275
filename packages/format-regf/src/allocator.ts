import { alignUp } from '@vmcraft/core/binary';
import type { WarningSink } from '@vmcraft/core/contracts';
import { isVmcraftError, LimitExceededError } from '@vmcraft/core/errors';
import { type Bin, binAt, binCells, binOf } from './bins.js';
import type { Cells } from './cells.js';
import { corrupt } from './corruption.js';
import { BASE_BLOCK_SIZE, BIN_UNIT, BinHeader, CELL_HEADER, CELL_UNIT } from './layout.js';

/** Free cells are looked for in the last so many bytes of bins only, so that a large hive is not read whole to change it. */
const SCAN_BYTES = 16 * 1024 * 1024;
/** Offsets are 32 bits, and the topmost bit means volatile cells. */
const MAX_BINS_SIZE = 0x7fffffff - BASE_BLOCK_SIZE;
/** In bins up to this size a cell to be freed is looked up among the bin's cells: two overlapping ones must not both be freed. */
const MAX_VERIFIED_BIN = 256 * 1024;

/** Takes and gives back cells. All but {@link prepare} is to be called within a mutation. */
export class Allocator {
  /** Size of each known free cell. */
  readonly #free = new Map<number, number>();
  /** Start of each known free cell by its end. */
  readonly #ends = new Map<number, number>();
  /** Known free cells by their size. */
  readonly #bySize = new Map<number, Set<number>>();
  readonly #scanned = new Set<number>();
  #prepared = false;
  /** Sizes in use as keys of `#bySize`, sorted; undefined when they changed. */
  #sizes: number[] | undefined;

  constructor(
    readonly cells: Cells,
    readonly warn: WarningSink,
  ) {}

  /** Learn of the free cells there are; to be called before each mutation. */
  async prepare(): Promise<void> {
    if (this.#prepared) return;
    const { cells } = this;
    this.#prepared = true;
    let start = 0;
    if (cells.binsSize > SCAN_BYTES) {
      start = await cells.store.run(() => binOf(cells, cells.binsSize - SCAN_BYTES + BinHeader.size).start);
    }
    while (start < cells.binsSize) {
      const bin = await cells.store.run(() => binAt(cells, start));
      if (bin === undefined) {
        this.warn({
          source: 'format-regf',
          message: `no bin at byte ${start + BASE_BLOCK_SIZE}; space after it is not used`,
        });
        return;
      }
      await this.#tryScan(bin);
      start += bin.size;
    }
  }

  async #tryScan(bin: Bin): Promise<void> {
    try {
      await this.cells.store.run(() => this.#scan(bin));
    } catch (error) {
      if (!isVmcraftError(error)) throw error;
      this.warn({ source: 'format-regf', message: `a bin's free space is not used: ${error.message}`, cause: error });
    }
  }

  /** Forget all free cells: the hive went back to an earlier state. */
  reset(): void {
    this.#free.clear();
    this.#ends.clear();
    this.#bySize.clear();
    this.#scanned.clear();
    this.#sizes = undefined;
    this.#prepared = false;
  }

  #scan(bin: Bin): void {
    if (this.#scanned.has(bin.start)) return;
    const found = binCells(this.cells, bin);
    this.#scanned.add(bin.start);
    this.cells.store.onUndo(() => this.#scanned.delete(bin.start));
    for (const { cell, size, isFree } of found) if (isFree && !this.#free.has(cell)) this.#add(cell, size);
  }

  #put(cell: number, size: number): void {
    this.#free.set(cell, size);
    this.#ends.set(cell + size, cell);
    let list = this.#bySize.get(size);
    if (list === undefined) {
      list = new Set();
      this.#bySize.set(size, list);
      this.#sizes = undefined;
    }
    list.add(cell);
  }

  #take(cell: number, size: number): void {
    this.#free.delete(cell);
    this.#ends.delete(cell + size);
    const list = this.#bySize.get(size);
    list?.delete(cell);
    if (list?.size === 0) {
      this.#bySize.delete(size);
      this.#sizes = undefined;
    }
  }

  #add(cell: number, size: number): void {
    this.#put(cell, size);
    this.cells.store.onUndo(() => this.#take(cell, size));
  }

  #remove(cell: number, size: number): void {
    this.#take(cell, size);
    this.cells.store.onUndo(() => this.#put(cell, size));
  }

  /** The smallest known free cell of at least `size` bytes. */
  #fit(size: number): { cell: number; size: number } | undefined {
    this.#sizes ??= [...this.#bySize.keys()].sort((a, b) => a - b);
    let [low, high] = [0, this.#sizes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sizes[middle]! < size) low = middle + 1;
      else high = middle;
    }
    const found = this.#sizes[low];
    if (found === undefined) return undefined;
    for (const cell of this.#bySize.get(found)!) return { cell, size: found };
    return undefined;
  }

  /**
   * A new cell of zeros with room for `length` bytes.
   * @throws LimitExceededError when the hive would pass 2 GiB
   */
  allocate(length: number): number {
    const size = alignUp(length + CELL_HEADER, CELL_UNIT);
    const { cell, size: available } = this.#fit(size) ?? this.#grow(size);
    this.#remove(cell, available);
    if (available > size) this.#markFree(cell + size, available - size);
    this.cells.store.setBytes(cell + BASE_BLOCK_SIZE, new Uint8Array(size));
    this.cells.store.setU32(cell + BASE_BLOCK_SIZE, -size >>> 0);
    return cell;
  }

  #markFree(cell: number, size: number): void {
    this.cells.store.setU32(cell + BASE_BLOCK_SIZE, size);
    this.#add(cell, size);
  }

  /** Append a bin. */
  #grow(size: number): { cell: number; size: number } {
    const { cells } = this;
    const start = cells.binsSize;
    const length = alignUp(size + BinHeader.size, BIN_UNIT);
    if (start + length > MAX_BINS_SIZE) {
      throw new LimitExceededError({ limit: 'hive size', value: start + length, max: MAX_BINS_SIZE });
    }
    cells.store.resize(start + length + BASE_BLOCK_SIZE);
    cells.binsSize = start + length;
    const back = (): void => {
      cells.binsSize = start;
    };
    cells.store.onUndo(back);
    cells.store.onRollback(back);
    const bin = new Uint8Array(length);
    BinHeader.encodeInto({ signature: 'hbin', offset: start, size: length }, bin);
    cells.store.setBytes(start + BASE_BLOCK_SIZE, bin);
    this.#scanned.add(start);
    cells.store.onUndo(() => this.#scanned.delete(start));
    const cell = start + BinHeader.size;
    this.#markFree(cell, length - BinHeader.size);
    return { cell, size: length - BinHeader.size };
  }

  /**
   * Give a cell back, joined with free neighbours.
   * @throws CorruptImageError when it is not a cell of its bin
   */
  free(cell: number, structure: string): void {
    const { store } = this.cells;
    const size = this.cells.allocatedSize(cell, structure);
    const bin = binOf(this.cells, cell);
    this.#scan(bin);
    const isKnown = bin.size > MAX_VERIFIED_BIN || binCells(this.cells, bin).some((each) => each.cell === cell);
    if (!isKnown || cell + size > bin.start + bin.size) {
      throw corrupt(structure, 'Cell', cell + BASE_BLOCK_SIZE, 'what is pointed at is no cell of its bin');
    }
    let [start, length] = [cell, size];
    const next = this.#free.get(cell + size);
    if (next !== undefined && cell + size < bin.start + bin.size) {
      this.#remove(cell + size, next);
      length += next;
    }
    const before = this.#ends.get(cell);
    if (before !== undefined && before >= bin.start) {
      this.#remove(before, cell - before);
      start = before;
      length += cell - before;
    }
    store.setU32(start + BASE_BLOCK_SIZE, length);
    this.#add(start, length);
  }

  /** A cell with the same first bytes and room for `length`: the same one, or a new one after freeing it. */
  resize(cell: number, length: number, structure: string): number {
    const capacity = this.cells.capacity(cell, structure);
    if (capacity >= length) return cell;
    const larger = this.allocate(length);
    const { store } = this.cells;
    store.setBytes(larger + BASE_BLOCK_SIZE + CELL_HEADER, this.cells.contents(cell, capacity, structure));
    this.free(cell, structure);
    return larger;
  }
}

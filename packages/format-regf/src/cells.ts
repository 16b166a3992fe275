import { corrupt } from './corruption.js';
import { BASE_BLOCK_SIZE, CELL_HEADER, CELL_UNIT } from './layout.js';
import { NameCache } from './name-cache.js';
import { decodeLatin1, decodeUnits } from './names.js';
import type { PageStore } from './page-store.js';

/** Cells of a hive by their offset from the first bin. Everything here is synchronous; see {@link PageStore}. */
export class Cells {
  readonly #valueNames = new NameCache();

  constructor(
    readonly store: PageStore,
    /** Bytes of all bins as the base block says; changes as bins are added. */
    public binsSize: number,
  ) {}

  /**
   * File position of the contents of an allocated cell that has room for `need` bytes.
   * @throws CorruptImageError when there is no such cell
   */
  open(cell: number, need: number, structure: string): number {
    const size = this.allocatedSize(cell, structure);
    if (size - CELL_HEADER < need) {
      throw corrupt(structure, 'Cell', cell + BASE_BLOCK_SIZE, `needs ${need} bytes in a cell of ${size}`);
    }
    return cell + BASE_BLOCK_SIZE + CELL_HEADER;
  }

  /** Bytes that an allocated cell has for its contents. */
  capacity(cell: number, structure: string): number {
    return this.allocatedSize(cell, structure) - CELL_HEADER;
  }

  /** Size of an allocated cell with its header, in bytes. */
  allocatedSize(cell: number, structure: string): number {
    const at = cell + BASE_BLOCK_SIZE;
    if (cell % CELL_UNIT !== 0 || cell + CELL_UNIT > this.binsSize) {
      throw corrupt(structure, 'Cell', at, `no cell can lie at offset 0x${cell.toString(16)} of the bins`);
    }
    const size = -this.store.i32(at);
    if (size <= 0) throw corrupt(structure, 'Cell', at, 'the cell pointed at is free');
    if (size < CELL_UNIT || cell + size > this.binsSize) {
      throw corrupt(structure, 'Cell', at, `a cell of ${size} bytes`, 'size');
    }
    return size;
  }

  /** Text of `length` bytes at a file position. Names in one page are read where they lie: a view of each costs more than its text. */
  text(position: number, length: number, isLatin1: boolean): string {
    const { store } = this;
    const isWhole = store.isInOnePage(position, length);
    const bytes = isWhole ? store.pageBytes(position, length) : store.bytes(position, length);
    const from = isWhole ? store.placeOf(position) : 0;
    return isLatin1 ? decodeLatin1(bytes, from, length) : decodeUnits(bytes, from, length);
  }

  /** As {@link text}, for names of values: most were read before. */
  valueName(position: number, length: number, isLatin1: boolean): string {
    const { store } = this;
    if (length === 0) return '';
    if (!isLatin1 || !store.isInOnePage(position, length)) return this.text(position, length, isLatin1);
    return this.#valueNames.latin1(store.pageBytes(position, length), store.placeOf(position), length);
  }

  /** A copy of the first `length` bytes of a cell's contents. */
  contents(cell: number, length: number, structure: string): Uint8Array {
    return this.store.bytes(this.open(cell, length, structure), length);
  }
}

import { corrupt } from './corruption.js';
import { BASE_BLOCK_SIZE, CELL_HEADER, CELL_UNIT } from './layout.js';
import type { PageStore } from './page-store.js';

/** Cells of a hive by their offset from the first bin. Everything here is synchronous; see {@link PageStore}. */
export class Cells {
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

  /** A copy of the first `length` bytes of a cell's contents. */
  contents(cell: number, length: number, structure: string): Uint8Array {
    return this.store.bytes(this.open(cell, length, structure), length);
  }
}

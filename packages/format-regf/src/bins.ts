import type { Cells } from './cells.js';
import { corrupt } from './corruption.js';
import { BASE_BLOCK_SIZE, BIN_UNIT, BinHeader, CELL_UNIT, HBIN_SIGNATURE } from './layout.js';

const OFFSET = BinHeader.offsetOf('offset');
const SIZE = BinHeader.offsetOf('size');

/** A bin: its offset from the first one and its size, both in bytes. */
export interface Bin {
  readonly start: number;
  readonly size: number;
}

/** The bin that begins at `start`, undefined when none does. */
export function binAt(cells: Cells, start: number): Bin | undefined {
  const { store } = cells;
  const position = start + BASE_BLOCK_SIZE;
  if (start % BIN_UNIT !== 0 || start >= cells.binsSize) return undefined;
  if (store.u32(position) !== HBIN_SIGNATURE || store.u32(position + OFFSET) !== start) return undefined;
  const size = store.u32(position + SIZE);
  const isSound = size >= BIN_UNIT && size % BIN_UNIT === 0 && start + size <= cells.binsSize;
  return isSound ? { start, size } : undefined;
}

/**
 * The bin that holds `cell`, found by looking back for its header, so that no bin before it needs to be read.
 * @throws CorruptImageError when there is none
 */
export function binOf(cells: Cells, cell: number): Bin {
  for (let start = cell - (cell % BIN_UNIT); start >= 0; start -= BIN_UNIT) {
    const bin = binAt(cells, start);
    if (bin !== undefined) {
      if (cell < start + BinHeader.size || cell >= start + bin.size) break;
      return bin;
    }
  }
  throw corrupt('HiveBin', 'Hive bin', cell + BASE_BLOCK_SIZE, 'the cell lies in no bin');
}

/** One cell of a bin. */
export interface BinCell {
  readonly cell: number;
  /** Bytes with its header. */
  readonly size: number;
  readonly isFree: boolean;
}

/**
 * All cells of a bin, in order.
 * @throws CorruptImageError when they do not fill it exactly
 */
export function binCells(cells: Cells, bin: Bin): BinCell[] {
  const out: BinCell[] = [];
  const end = bin.start + bin.size;
  for (let cell = bin.start + BinHeader.size; cell < end; ) {
    const raw = cells.store.i32(cell + BASE_BLOCK_SIZE);
    const size = Math.abs(raw);
    if (size < CELL_UNIT || size % CELL_UNIT !== 0 || cell + size > end) {
      throw corrupt('HiveBin', 'Cell', cell + BASE_BLOCK_SIZE, `a cell of ${raw} bytes`, 'size');
    }
    out.push({ cell, size, isFree: raw > 0 });
    cell += size;
  }
  return out;
}

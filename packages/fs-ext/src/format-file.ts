import { viewOf } from '@vmcraft/core/binary';
import { FsError, InternalError } from '@vmcraft/core/errors';
import type { FormatSpace } from './format-space.js';
import {
  DIRECT_BLOCKS,
  EXTENT_ENTRY_SIZE,
  EXTENT_MAGIC,
  EXTENT_MAX_LENGTH,
  extentHeaderLayout,
  extentIndexLayout,
  extentLayout,
  I_BLOCK_SIZE,
} from './layout.js';

/** A run of a file: `length` blocks from file block `logical` lie from device block `start`. */
export interface FileRun {
  readonly logical: number;
  readonly start: number;
  readonly length: number;
}

/** A file's blocks and the map that leads to them. */
export interface MappedFile {
  readonly runs: readonly FileRun[];
  /** `i_block`. */
  readonly map: Uint8Array;
  /** Blocks of the map itself: device block and bytes. */
  readonly mapBlocks: ReadonlyMap<number, Uint8Array>;
  /** Blocks taken, map included. */
  readonly taken: number;
}

const EXTENTS_IN_INODE = 4;

/** Where extents in blocks of a tree get their checksum; the inode is not known here. */
export type SealExtentBlock = (block: Uint8Array) => void;

/** Take `count` blocks from `goal` on, wrapping to the start, in runs of at most `most` blocks. */
function takeRuns(space: FormatSpace, count: number, goal: number, most: number): FileRun[] {
  const runs: FileRun[] = [];
  let from = goal;
  for (let logical = 0; logical < count; ) {
    const run =
      space.freeRun(from, Math.min(count - logical, most)) ??
      space.freeRun(space.geometry.firstDataBlock, Math.min(count - logical, most));
    if (run === undefined) throw new FsError('ENOSPC', { operation: 'format' });
    space.take(run.start, Math.ceil(run.length / space.geometry.clusterRatio) * space.geometry.clusterRatio);
    runs.push({ logical, ...run });
    logical += run.length;
    from = run.start + run.length;
  }
  return runs;
}

/** A file of `count` blocks mapped by extents, as near behind `goal` as there is room. */
export function extentFile(space: FormatSpace, count: number, goal: number, seal: SealExtentBlock): MappedFile {
  const { blockSize, clusterRatio } = space.geometry;
  const runs = takeRuns(space, count, goal, EXTENT_MAX_LENGTH);
  const map = new Uint8Array(I_BLOCK_SIZE);
  const mapBlocks = new Map<number, Uint8Array>();
  if (runs.length <= EXTENTS_IN_INODE) {
    writeLeaf(map, runs, EXTENTS_IN_INODE);
  } else {
    const perLeaf = Math.floor((blockSize - EXTENT_ENTRY_SIZE) / EXTENT_ENTRY_SIZE);
    const leaves = Math.ceil(runs.length / perLeaf);
    if (leaves > EXTENTS_IN_INODE)
      throw new FsError('ENOSPC', { operation: 'format', reason: 'free space is too scattered' });
    extentHeaderLayout.encodeInto({ magic: EXTENT_MAGIC, entries: leaves, max: EXTENTS_IN_INODE, depth: 1 }, map);
    for (let i = 0; i < leaves; i++) {
      const own = runs.slice(i * perLeaf, (i + 1) * perLeaf);
      const block = takeRuns(space, 1, space.geometry.firstDataBlock, 1)[0]!.start;
      const data = new Uint8Array(blockSize);
      writeLeaf(data, own, perLeaf);
      seal(data);
      mapBlocks.set(block, data);
      extentIndexLayout.encodeInto(
        { block: own[0]!.logical, leafLo: block >>> 0, leafHi: Math.floor(block / 0x100000000) },
        map,
        EXTENT_ENTRY_SIZE * (i + 1),
      );
    }
  }
  const clusters = Math.ceil(count / clusterRatio) + mapBlocks.size;
  return { runs, map, mapBlocks, taken: clusters * clusterRatio };
}

function writeLeaf(into: Uint8Array, runs: readonly FileRun[], max: number): void {
  extentHeaderLayout.encodeInto({ magic: EXTENT_MAGIC, entries: runs.length, max, depth: 0 }, into);
  for (const [i, run] of runs.entries()) {
    const start = { startLo: run.start >>> 0, startHi: Math.floor(run.start / 0x100000000) };
    extentLayout.encodeInto({ block: run.logical, length: run.length, ...start }, into, EXTENT_ENTRY_SIZE * (i + 1));
  }
}

/** A file of `count` blocks mapped by direct and indirect pointers; map blocks lie where a sequential writer would put them. */
export function indirectFile(space: FormatSpace, count: number, goal: number): MappedFile {
  const { blockSize } = space.geometry;
  const fanout = blockSize / 4;
  const map = new Uint8Array(I_BLOCK_SIZE);
  const mapBlocks = new Map<number, Uint8Array>();
  const runs: FileRun[] = [];
  let next = goal;
  const one = (): number => {
    const run = takeRuns(space, 1, next, 1)[0]!;
    next = run.start + 1;
    return run.start;
  };
  const table = (): [number, DataView] => {
    const block = one();
    const data = new Uint8Array(blockSize);
    mapBlocks.set(block, data);
    return [block, viewOf(data)];
  };
  let logical = 0;
  const fill = (view: DataView, at: number, slots: number, level: number): void => {
    for (let i = 0; i < slots && logical < count; i++) {
      if (level === 0) {
        const block = one();
        const last = runs.at(-1);
        if (last !== undefined && last.start + last.length === block)
          runs[runs.length - 1] = { ...last, length: last.length + 1 };
        else runs.push({ logical, start: block, length: 1 });
        view.setUint32(at + 4 * i, block, true);
        logical += 1;
      } else {
        const [block, below] = table();
        view.setUint32(at + 4 * i, block, true);
        fill(below, 0, fanout, level - 1);
      }
    }
  };
  const root = viewOf(map);
  fill(root, 0, DIRECT_BLOCKS, 0);
  for (let level = 1; level <= 3; level++) fill(root, 4 * (DIRECT_BLOCKS + level - 1), 1, level);
  if (logical < count) throw new InternalError(`a file of ${count} blocks is beyond triple indirection`);
  return { runs, map, mapBlocks, taken: count + mapBlocks.size };
}

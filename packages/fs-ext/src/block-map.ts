import { extentMapping } from './extent-tree.js';
import { indirectMapping } from './indirect-map.js';
import type { Inode } from './inode.js';
import { FL } from './layout.js';
import type { Volume } from './volume.js';

/** Where a run of a file's blocks lies. Counts and positions are blocks. */
export interface Mapping {
  /** Blocks from the asked one on that are mapped alike; at least 1, at most what was asked. */
  readonly length: number;
  /** First block on the device, or 0 for a hole. */
  readonly physical: number;
  /** Allocated but never written: reads as zeros. */
  readonly unwritten: boolean;
}

/** Blocks a file may have at most: logical numbers are 32-bit. */
export const MAX_LOGICAL_BLOCKS = 0xffffffff;

/** Where up to `count` blocks of a file from `logical` on lie. @throws CorruptImageError */
export function mapBlocks(volume: Volume, inode: Inode, logical: number, count: number): Promise<Mapping> {
  return inode.has(FL.EXTENTS)
    ? extentMapping(volume, inode, logical, count)
    : indirectMapping(volume, inode, logical, count);
}

/** All allocated runs of the blocks [from, to) of a file, in order. */
export async function* mappedRuns(
  volume: Volume,
  inode: Inode,
  from: number,
  to: number,
): AsyncGenerator<Mapping & { readonly logical: number }> {
  for (let at = from; at < to; ) {
    const run = await mapBlocks(volume, inode, at, to - at);
    if (run.physical !== 0) yield { ...run, logical: at };
    at += run.length;
  }
}

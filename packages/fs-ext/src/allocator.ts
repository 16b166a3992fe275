import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import { blockBitmap, clearBits, modifyBlockBitmap, setBits, testBit } from './bitmap.js';
import { runEnd } from './free-extents.js';
import { blocksInGroup, firstBlockOf, groupOfBlock } from './geometry.js';
import type { Volume } from './volume.js';

/** A run of blocks on the device. */
export interface BlockRun {
  readonly block: number;
  readonly count: number;
}

/** Groups looked at for a run of the whole length before a shorter one will do. */
const PATIENCE = 32;

/** Takes and gives back blocks, in whole clusters, by the bitmaps; keeps the counts in descriptors and superblock. */
export class BlockAllocator {
  /** By group: no cluster below is free. */
  readonly #hints = new Map<number, number>();

  constructor(private readonly volume: Volume) {}

  /** Forget what is remembered of the bitmaps, after they were rolled back. */
  reset(): void {
    this.#hints.clear();
  }

  /**
   * Allocate a run of at most `count` clusters, as near after block `goal` as can be; a shorter one where space is in pieces.
   * @returns the run in blocks
   * @throws FsError ENOSPC when no cluster is free
   */
  async allocate(goal: number, count: number): Promise<BlockRun> {
    const { geometry, superblock } = this.volume;
    if (superblock.freeBlocks === 0) throw new FsError('ENOSPC', { operation: 'allocate' });
    const at = goal >= geometry.firstDataBlock && goal < geometry.blocksCount ? goal : geometry.firstDataBlock;
    const home = groupOfBlock(geometry, at);
    const near = Math.floor((at - firstBlockOf(geometry, home)) / geometry.clusterRatio);
    let shorter: { group: number; from: number; length: number } | undefined;
    let looked = 0;
    for (let i = 0; i < geometry.groupCount; i++) {
      const group = (home + i) % geometry.groupCount;
      const found = await this.#search(group, i === 0 ? near : 0, count);
      if (found === undefined) continue;
      if (found.length >= count || (i === 0 && found.from === near)) return this.#take(group, found.from, found.length);
      if (shorter === undefined || found.length > shorter.length) shorter = { group, ...found };
      looked += 1;
      if (looked >= PATIENCE) break;
    }
    if (shorter === undefined) throw new FsError('ENOSPC', { operation: 'allocate' });
    return this.#take(shorter.group, shorter.from, shorter.length);
  }

  /** The first run of `count` free clusters of a group from `near` on, else its longest; `near` itself wins if it is free. */
  async #search(group: number, near: number, count: number): Promise<{ from: number; length: number } | undefined> {
    const d = await this.volume.groups.read(group);
    if (d.freeBlocks === 0) return undefined;
    const bits = await blockBitmap(this.volume, group);
    const clusters = this.#clustersIn(group);
    const low = this.#hints.get(group) ?? 0;
    if (near >= low && near < clusters && !testBit(bits, near)) {
      return { from: near, length: Math.min(runEnd(bits, near, clusters, true) - near, count) };
    }
    const after = scan(bits, Math.max(near, low), clusters, count);
    if (after.length >= count || near <= low) {
      if (near <= low && after.first >= 0) this.#hints.set(group, after.first);
      return after.length === 0 ? undefined : after;
    }
    const before = scan(bits, low, clusters, count);
    if (before.first >= 0) this.#hints.set(group, before.first);
    return before.length === 0 ? undefined : before;
  }

  #clustersIn(group: number): number {
    const { geometry } = this.volume;
    return Math.ceil(blocksInGroup(geometry, group) / geometry.clusterRatio);
  }

  async #take(group: number, from: number, length: number): Promise<BlockRun> {
    const { geometry, superblock, groups } = this.volume;
    const d = await groups.modify(group);
    const bits = await modifyBlockBitmap(this.volume, d);
    setBits(bits, from, from + length);
    const blocks = length * geometry.clusterRatio;
    if (d.freeBlocks < length || superblock.freeBlocks < blocks) {
      const reason = `group ${group} has more free blocks in its bitmap than it counts`;
      throw new CorruptImageError({ structure: 'ext4_group_desc', field: 'bg_free_blocks_count', reason });
    }
    d.freeBlocks -= length;
    superblock.freeBlocks -= blocks;
    return { block: firstBlockOf(geometry, group) + from * geometry.clusterRatio, count: blocks };
  }

  /**
   * Give back whole clusters: `block` starts one, `count` is blocks.
   * @throws CorruptImageError when one is free already or holds metadata of the file system
   */
  async free(block: number, count: number): Promise<void> {
    const { geometry, store } = this.volume;
    if (block < geometry.firstDataBlock || block + count > geometry.blocksCount + geometry.clusterRatio) {
      throw new CorruptImageError({ structure: 'block bitmap', found: block, reason: `freeing block ${block}` });
    }
    store.forgetRange(block, count);
    for (let at = block; at < block + count; ) {
      const group = groupOfBlock(geometry, at);
      const first = firstBlockOf(geometry, group);
      const end = Math.min(block + count, first + geometry.blocksPerGroup);
      const from = Math.floor((at - first) / geometry.clusterRatio);
      await this.#give(group, from, Math.ceil((end - first) / geometry.clusterRatio));
      at = end;
    }
  }

  /** Mark the clusters of a run as used where they are not, as when changes are replayed. */
  async claim(block: number, count: number): Promise<void> {
    const { geometry } = this.volume;
    const { clusterRatio } = geometry;
    const start = block - ((block - geometry.firstDataBlock) % clusterRatio);
    for (let at = start; at < block + count; at += clusterRatio) {
      const group = groupOfBlock(geometry, at);
      const bit = Math.floor((at - firstBlockOf(geometry, group)) / clusterRatio);
      if (!testBit(await blockBitmap(this.volume, group), bit)) await this.#take(group, bit, 1);
    }
  }

  async #give(group: number, from: number, to: number): Promise<void> {
    const { superblock, groups, geometry } = this.volume;
    const d = await groups.modify(group);
    const bits = await modifyBlockBitmap(this.volume, d);
    if (runEnd(bits, from, to, false) < to || !testBit(bits, from)) {
      throw new CorruptImageError({ structure: 'block bitmap', reason: `group ${group} has a used block marked free` });
    }
    clearBits(bits, from, to);
    d.freeBlocks += to - from;
    superblock.freeBlocks += (to - from) * geometry.clusterRatio;
    if (from < (this.#hints.get(group) ?? 0)) this.#hints.set(group, from);
  }
}

/** The first run of `count` clear bits in [from, to), else the longest; and where the first clear bit is, or -1. */
function scan(
  bits: Uint8Array,
  from: number,
  to: number,
  count: number,
): { from: number; length: number; first: number } {
  let best = { from: 0, length: 0 };
  let first = -1;
  for (let at = from; at < to; ) {
    const isFree = !testBit(bits, at);
    const end = runEnd(bits, at, to, isFree);
    if (isFree) {
      if (first < 0) first = at;
      const length = Math.min(end - at, count);
      if (length > best.length) best = { from: at, length };
      if (length >= count) break;
    }
    at = end;
  }
  return { ...best, first };
}

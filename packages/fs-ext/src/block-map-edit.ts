import { FsError } from '@vmcraft/core/errors';
import { mapBlocks, mappedRuns } from './block-map.js';
import type { Change } from './change.js';
import { ExtentEditor, goalOfInode } from './extent-edit.js';
import type { Extent } from './extent-node.js';
import { IndirectEditor } from './indirect-edit.js';
import { indirectLimit } from './indirect-map.js';
import type { Inode } from './inode.js';
import { EXTENT_MAX_LENGTH, FL } from './layout.js';

/** Longest run put into one entry; unwritten ones have one block less. */
const MAX_RUN = EXTENT_MAX_LENGTH - 1;

/** Changes which blocks a file has, in either form of map; allocates and frees them. The inode must be one to change. */
export class BlockMapEditor {
  private readonly editor: ExtentEditor | IndirectEditor;
  /** Extents or indirect blocks. */
  readonly hasExtents: boolean;

  constructor(
    private readonly change: Change,
    private readonly inode: Inode,
  ) {
    this.hasExtents = inode.has(FL.EXTENTS);
    this.editor = this.hasExtents ? new ExtentEditor(change, inode) : new IndirectEditor(change, inode);
  }

  /** Blocks a file of this form may have. */
  get maxBlocks(): number {
    return this.hasExtents ? 0xffffffff : indirectLimit(this.change.volume.geometry.blockSize / 4);
  }

  /**
   * Map a hole. Allocates as many of the `count` blocks from `logical` on as one run holds, at least one.
   * @param goal where on the device the run should begin
   * @throws FsError ENOSPC, EFBIG
   */
  async fill(logical: number, count: number, goal: number, unwritten: boolean): Promise<Extent> {
    if (logical + count > this.maxBlocks) throw new FsError('EFBIG', { operation: 'write' });
    const { clusterRatio } = this.change.volume.geometry;
    const wanted = Math.min(count, MAX_RUN);
    const run =
      clusterRatio === 1
        ? await this.#fresh(logical, wanted, goal)
        : await this.#inClusters(logical, wanted, goal, clusterRatio);
    const extent = { logical, length: run.length, physical: run.physical, unwritten };
    await this.editor.insert(extent);
    return extent;
  }

  async #fresh(logical: number, count: number, goal: number): Promise<{ physical: number; length: number }> {
    const { geometry } = this.change.volume;
    const ratio = geometry.clusterRatio;
    const skip = logical % ratio;
    const run = await this.change.blocks.allocate(goal, Math.ceil((skip + count) / ratio));
    this.inode.blocks += (run.count * geometry.blockSize) / 512;
    return { physical: run.block + skip, length: Math.min(count, run.count - skip) };
  }

  /** With bigalloc, a logical cluster that has a block anywhere is allocated already. */
  async #inClusters(
    logical: number,
    count: number,
    goal: number,
    ratio: number,
  ): Promise<{ physical: number; length: number }> {
    const start = logical - (logical % ratio);
    const known = await this.#clusterOf(start);
    if (known !== undefined) {
      return { physical: known + (logical - start), length: Math.min(count, start + ratio - logical) };
    }
    const end = logical + count;
    const lastStart = end - (end % ratio);
    const shared = lastStart > start && lastStart < end && (await this.#clusterOf(lastStart)) !== undefined;
    return this.#fresh(logical, shared ? lastStart - logical : count, goal);
  }

  /** First block of the cluster that backs logical cluster `start`, if any of it is mapped. */
  async #clusterOf(start: number): Promise<number | undefined> {
    const { clusterRatio } = this.change.volume.geometry;
    for await (const run of mappedRuns(this.change.volume, this.inode, start, start + clusterRatio)) {
      return run.physical - (run.logical - start);
    }
    return undefined;
  }

  /** Turn the unwritten blocks [from, to) into written ones; all of them are mapped. */
  async markWritten(from: number, to: number): Promise<void> {
    for (const e of await this.editor.remove(from, to)) {
      for (let done = 0; done < e.length; done += MAX_RUN) {
        const length = Math.min(MAX_RUN, e.length - done);
        await this.editor.insert({ logical: e.logical + done, length, physical: e.physical + done, unwritten: false });
      }
    }
  }

  /** Map a run to given blocks, in place of what was there; blocks that stay are kept, others freed. Space is claimed as needed. */
  async replace(e: Extent): Promise<void> {
    const { volume, blocks } = this.change;
    const shift = e.physical - e.logical;
    for (const old of await this.editor.remove(e.logical, e.logical + e.length)) {
      if (old.physical - old.logical === shift) this.inode.blocks -= (old.length * volume.geometry.blockSize) / 512;
      else await this.#free(old.physical, old.length);
    }
    await blocks.claim(e.physical, e.length);
    this.inode.blocks += (e.length * volume.geometry.blockSize) / 512;
    for (let done = 0; done < e.length; done += MAX_RUN) {
      const length = Math.min(MAX_RUN, e.length - done);
      await this.editor.insert({ ...e, logical: e.logical + done, length, physical: e.physical + done });
    }
  }

  /** Unmap and free the blocks [from, to). */
  async release(from: number, to: number): Promise<void> {
    if (to <= from) return;
    const removed = await this.editor.remove(from, to);
    if (this.change.volume.geometry.clusterRatio === 1) {
      for (const e of removed) await this.#free(e.physical, e.length);
      return;
    }
    await this.#releaseClusters(removed);
  }

  /** Free the clusters of unmapped runs, each once, but those that still back other blocks of the file. */
  async #releaseClusters(removed: readonly Extent[]): Promise<void> {
    const ratio = this.change.volume.geometry.clusterRatio;
    const done = new Set<number>();
    for (const e of removed) {
      const shift = e.logical % ratio;
      const firstLogical = e.logical - shift;
      const firstPhysical = e.physical - shift;
      const clusters = Math.ceil((shift + e.length) / ratio);
      for (let i = 0; i < clusters; i++) {
        const physical = firstPhysical + i * ratio;
        const edge = i === 0 || i === clusters - 1;
        if (edge && (done.has(physical) || (await this.#clusterOf(firstLogical + i * ratio)) !== undefined)) continue;
        if (edge) done.add(physical);
        await this.#free(physical, ratio);
      }
    }
  }

  async #free(block: number, count: number): Promise<void> {
    await this.change.blocks.free(block, count);
    this.inode.blocks -= (count * this.change.volume.geometry.blockSize) / 512;
  }

  /** Where on the device a new run for `logical` should begin: after the block before it. */
  async goalFor(logical: number): Promise<number> {
    if (logical > 0) {
      const before = await mapBlocks(this.change.volume, this.inode, logical - 1, 1);
      if (before.physical !== 0) return before.physical + 1;
    }
    return goalOfInode(this.change, this.inode);
  }
}

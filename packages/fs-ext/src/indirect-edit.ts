import { FsError } from '@vmcraft/core/errors';
import { checkBlockNumber } from './block-store.js';
import type { Change } from './change.js';
import { goalOfInode } from './extent-edit.js';
import type { Extent } from './extent-node.js';
import { indirectPath } from './indirect-map.js';
import type { Inode } from './inode.js';
import { DIRECT_BLOCKS, INDIRECT_SLOT } from './layout.js';

/** Changes the direct and indirect block pointers of one inode. The inode must be one to change. */
export class IndirectEditor {
  constructor(
    private readonly change: Change,
    private readonly inode: Inode,
  ) {}

  private get perBlock(): number {
    return this.change.volume.geometry.blockSize / 4;
  }

  /** Map a run of blocks that nothing maps yet. @throws FsError EFBIG, ENOSPC */
  async insert(e: Extent): Promise<void> {
    for (let done = 0; done < e.length; ) {
      const path = indirectPath(e.logical + done, this.perBlock);
      if (path === undefined) throw new FsError('EFBIG', { operation: 'write' });
      const table = await this.#tableFor(path.slots, e.physical + done);
      const slot = path.slots.at(-1)!;
      const end = path.slots.length === 1 ? DIRECT_BLOCKS : this.perBlock;
      const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
      const count = Math.min(e.length - done, end - slot);
      for (let i = 0; i < count; i++) view.setUint32((slot + i) * 4, e.physical + done + i, true);
      done += count;
    }
  }

  /** The table that holds the last slot of a path, to change; tables on the way are made where missing. */
  async #tableFor(slots: readonly number[], near: number): Promise<Uint8Array> {
    const { store, geometry } = this.change.volume;
    let table = this.inode.block;
    for (const slot of slots.slice(0, -1)) {
      const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
      const pointer = view.getUint32(slot * 4, true);
      if (pointer !== 0) {
        checkBlockNumber(pointer, geometry.blocksCount, `inode ${this.inode.ino}`, 'indirect block');
        table = await store.modify(pointer);
        continue;
      }
      const run = await this.change.blocks.allocate(near === 0 ? goalOfInode(this.change, this.inode) : near, 1);
      this.inode.blocks += geometry.blockSize / 512;
      view.setUint32(slot * 4, run.block, true);
      table = store.fresh(run.block);
    }
    return table;
  }

  /** Unmap the blocks [from, to); indirect blocks left empty are freed. @returns what was mapped, in order; not freed */
  async remove(from: number, to: number): Promise<Extent[]> {
    const removed: Extent[] = [];
    const root = this.inode.block;
    this.#clearPointers(root, 0, DIRECT_BLOCKS, 0, from, to, removed);
    let start = DIRECT_BLOCKS;
    for (let depth = 1, span = this.perBlock; depth <= 3; depth++, span *= this.perBlock) {
      if (from < start + span && to > start) {
        await this.#removeUnder(root, INDIRECT_SLOT + depth - 1, depth, start, from, to, removed);
      }
      start += span;
    }
    return removed;
  }

  /** Remove below the pointer in `slot` of `table`, whose `depth` levels begin at logical block `start`. */
  async #removeUnder(
    table: Uint8Array,
    slot: number,
    depth: number,
    start: number,
    from: number,
    to: number,
    removed: Extent[],
  ): Promise<void> {
    const { store, geometry } = this.change.volume;
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    const pointer = view.getUint32(slot * 4, true);
    if (pointer === 0) return;
    checkBlockNumber(pointer, geometry.blocksCount, `inode ${this.inode.ino}`, 'indirect block');
    const child = await store.modify(pointer);
    if (depth === 1) this.#clearPointers(child, 0, this.perBlock, start, from, to, removed);
    else {
      const span = this.perBlock ** (depth - 1);
      const first = Math.max(0, Math.floor((from - start) / span));
      for (let i = first; i < this.perBlock && start + i * span < to; i++) {
        await this.#removeUnder(child, i, depth - 1, start + i * span, from, to, removed);
      }
    }
    if (child.some((byte) => byte !== 0)) return;
    view.setUint32(slot * 4, 0, true);
    await this.change.blocks.free(pointer, 1);
    this.inode.blocks -= geometry.blockSize / 512;
  }

  /** Zero the pointers of a table that lie in [from, to), noting the runs they made. */
  #clearPointers(
    table: Uint8Array,
    slot: number,
    count: number,
    start: number,
    from: number,
    to: number,
    removed: Extent[],
  ): void {
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    const last = Math.min(count, to - start);
    for (let i = Math.max(0, from - start); i < last; i++) {
      const physical = view.getUint32((slot + i) * 4, true);
      if (physical === 0) continue;
      view.setUint32((slot + i) * 4, 0, true);
      const before = removed.at(-1);
      if (
        before !== undefined &&
        before.physical + before.length === physical &&
        before.logical + before.length === start + i
      ) {
        removed[removed.length - 1] = { ...before, length: before.length + 1 };
      } else removed.push({ logical: start + i, length: 1, physical, unwritten: false });
    }
  }
}

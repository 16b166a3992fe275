import { FsError } from '@vmcraft/core/errors';
import type { Change } from './change.js';
import { type Extent, ExtentNode, entriesPerBlock, extentBlock, extentRoot, extentSeal } from './extent-node.js';
import type { Inode } from './inode.js';
import { EXTENT_MAX_DEPTH, EXTENT_MAX_LENGTH } from './layout.js';

/** Entries of the root in `i_block`. */
const ROOT_MAX = 4;

interface Step {
  node: ExtentNode;
  /** Entry taken, or the last one at or before the sought block; -1 before the first. */
  index: number;
}

/** Changes the extent tree of one inode. The inode must be one to change (`InodeTable.modify`). */
export class ExtentEditor {
  constructor(
    private readonly change: Change,
    private readonly inode: Inode,
  ) {}

  /** Add a run that nothing maps yet, joining it to its neighbours where it continues them. At most 32768 blocks. */
  async insert(e: Extent): Promise<void> {
    for (;;) {
      const steps = await this.#descend(e.logical);
      const leaf = await this.#own(steps, steps.length - 1);
      const at = leaf.index;
      if (this.#mergeBefore(leaf.node, at, e)) return;
      if (this.#mergeAfter(leaf.node, at, e)) return this.#fixKeys(steps);
      if (leaf.node.count < leaf.node.max) {
        leaf.node.insertGap(at + 1);
        leaf.node.setExtent(at + 1, e);
        if (at + 1 === 0) await this.#fixKeys(steps);
        return;
      }
      if (await this.#makeRoom(steps, steps.length - 1, e)) return;
    }
  }

  #mergeBefore(leaf: ExtentNode, at: number, e: Extent): boolean {
    if (at < 0) return false;
    const before = leaf.extent(at);
    if (!continues(before, e)) return false;
    const joined = { ...before, length: before.length + e.length };
    leaf.setExtent(at, joined);
    if (at + 1 < leaf.count && continues(joined, leaf.extent(at + 1))) {
      leaf.setExtent(at, { ...joined, length: joined.length + leaf.extent(at + 1).length });
      leaf.remove(at + 1, 1);
    }
    return true;
  }

  #mergeAfter(leaf: ExtentNode, at: number, e: Extent): boolean {
    if (at + 1 >= leaf.count) return false;
    const after = leaf.extent(at + 1);
    if (!continues(e, after)) return false;
    leaf.setExtent(at + 1, { ...e, length: e.length + after.length });
    return true;
  }

  /** Unmap the blocks [from, to). @returns what was mapped there, in order; the blocks are not freed */
  async remove(from: number, to: number): Promise<Extent[]> {
    const removed: Extent[] = [];
    for (let at = from; at < to; ) {
      const steps = await this.#descend(at);
      const next = this.#nextKey(steps) ?? to;
      await this.#removeInLeaf(steps, at, to, removed);
      at = Math.max(next, at + 1);
    }
    await this.#pullUp();
    return removed;
  }

  async #removeInLeaf(steps: Step[], from: number, to: number, removed: Extent[]): Promise<void> {
    const { node } = steps.at(-1)!;
    let i = Math.max(steps.at(-1)!.index, 0);
    while (i < node.count && endOf(node.extent(i)) <= from) i++;
    if (i >= node.count || node.extent(i).logical >= to) return;
    const leaf = (await this.#own(steps, steps.length - 1)).node;
    const first = leaf.extent(i);
    if (first.logical < from && endOf(first) > to) {
      removed.push(slice(first, from, to));
      leaf.setExtent(i, slice(first, first.logical, from));
      return this.insert(slice(first, to, endOf(first)));
    }
    if (first.logical < from) {
      removed.push(slice(first, from, endOf(first)));
      leaf.setExtent(i, slice(first, first.logical, from));
      i += 1;
    }
    let n = 0;
    for (; i + n < leaf.count && endOf(leaf.extent(i + n)) <= to; n++) removed.push(leaf.extent(i + n));
    const last = i + n < leaf.count ? leaf.extent(i + n) : undefined;
    if (last !== undefined && last.logical < to) {
      removed.push(slice(last, last.logical, to));
      leaf.setExtent(i + n, slice(last, to, endOf(last)));
    }
    if (n > 0) leaf.remove(i, n);
    if (leaf.count === 0) await this.#dropNode(steps, steps.length - 1);
    else if (i === 0) await this.#fixKeys(steps);
  }

  /** First key right of the leaf that `steps` leads to. */
  #nextKey(steps: readonly Step[]): number | undefined {
    for (let level = steps.length - 2; level >= 0; level--) {
      const { node, index } = steps[level]!;
      if (index + 1 < node.count) return node.key(index + 1);
    }
    return undefined;
  }

  async #descend(logical: number): Promise<Step[]> {
    let node = extentRoot(this.change.volume, this.inode);
    const steps: Step[] = [{ node, index: node.search(logical) }];
    while (node.depth > 0) {
      const step = steps.at(-1)!;
      // Before the first key: the first child takes it, and its key moves down.
      if (step.index < 0) step.index = 0;
      node = await extentBlock(this.change.volume, this.inode, node.child(step.index), node.depth - 1);
      steps.push({ node, index: node.search(logical) });
    }
    return steps;
  }

  /** Make the node of a step one to change. */
  async #own(steps: Step[], level: number): Promise<Step> {
    const step = steps[level]!;
    if (step.node.block === 0) return step;
    const { volume } = this.change;
    const data = await volume.store.modify(step.node.block, extentSeal(volume, this.inode));
    step.node = new ExtentNode(step.node.block, data);
    return step;
  }

  /** Keys of the way down follow the first entries of their children. */
  async #fixKeys(steps: Step[]): Promise<void> {
    for (let level = steps.length - 2; level >= 0; level--) {
      const key = steps[level + 1]!.node.key(0);
      if (steps[level]!.node.key(steps[level]!.index) === key) return;
      const { node, index } = await this.#own(steps, level);
      node.setKey(index, key);
      if (index > 0) return;
    }
  }

  /** Remove an empty node from its parent. An empty tree is a root without entries, of depth 0. */
  async #dropNode(steps: Step[], level: number): Promise<void> {
    if (level === 0) {
      steps[0]!.node.init(0, ROOT_MAX);
      return;
    }
    const { node } = steps[level]!;
    await this.#freeBlock(node.block);
    const parent = await this.#own(steps, level - 1);
    parent.node.remove(parent.index, 1);
    if (parent.node.count === 0) return this.#dropNode(steps, level - 1);
    if (parent.index === 0) await this.#fixKeys(steps.slice(0, level));
  }

  /** A root whose only leaf fits into it takes the leaf's place. */
  async #pullUp(): Promise<void> {
    const { volume } = this.change;
    for (;;) {
      const root = extentRoot(volume, this.inode);
      if (root.depth === 0 || root.count !== 1) return;
      const child = await extentBlock(volume, this.inode, root.child(0), root.depth - 1);
      if (child.count > ROOT_MAX) return;
      const { depth, count, block } = child;
      const entries = child.raw.slice(12, 12 + count * 12);
      root.init(depth, ROOT_MAX);
      root.count = count;
      root.raw.set(entries, 12);
      await this.#freeBlock(block);
    }
  }

  /**
   * Make room in a full node by splitting it, or growing the tree. The caller descends again, unless the new run went into a leaf of
   * its own at once.
   * @returns whether `e` is in
   */
  async #makeRoom(steps: Step[], level: number, e: Extent): Promise<boolean> {
    if (level === 0) {
      await this.#grow();
      return false;
    }
    const parent = steps[level - 1]!.node;
    if (parent.count >= parent.max) return this.#makeRoom(steps, level - 1, e);
    const { node, index } = await this.#own(steps, level);
    const isLeaf = node.depth === 0;
    const atEnd = index === node.count - 1;
    const fresh = await this.#newNode(node.depth);
    const up = await this.#own(steps, level - 1);
    if (isLeaf && atEnd) {
      fresh.count = 1;
      fresh.setExtent(0, e);
      up.node.insertGap(up.index + 1);
      up.node.setIndex(up.index + 1, e.logical, fresh.block);
      return true;
    }
    const keep = atEnd ? node.count - 1 : node.count >> 1;
    moveEntries(node, keep, fresh);
    up.node.insertGap(up.index + 1);
    up.node.setIndex(up.index + 1, fresh.key(0), fresh.block);
    return false;
  }

  /** One level more: the root's entries go to a block of their own. */
  async #grow(): Promise<void> {
    const root = extentRoot(this.change.volume, this.inode);
    if (root.depth >= EXTENT_MAX_DEPTH) throw new FsError('EFBIG', { operation: 'write', reason: 'extent tree' });
    const fresh = await this.#newNode(root.depth);
    moveEntries(root, 0, fresh);
    root.init(fresh.depth + 1, ROOT_MAX);
    root.count = 1;
    root.setIndex(0, fresh.key(0), fresh.block);
  }

  async #newNode(depth: number): Promise<ExtentNode> {
    const { volume, blocks } = this.change;
    const run = await blocks.allocate(this.#goal(), 1);
    this.#account(1);
    const node = new ExtentNode(run.block, volume.store.fresh(run.block, extentSeal(volume, this.inode)));
    node.init(depth, entriesPerBlock(volume.geometry.blockSize));
    return node;
  }

  #goal(): number {
    const { geometry } = this.change.volume;
    const root = extentRoot(this.change.volume, this.inode);
    if (root.count === 0) return goalOfInode(this.change, this.inode);
    const last = root.count - 1;
    const near = root.depth === 0 ? root.extent(last).physical + root.extent(last).length : root.child(last) + 1;
    return Math.min(near, geometry.blocksCount - 1);
  }

  async #freeBlock(block: number): Promise<void> {
    const { geometry } = this.change.volume;
    const cluster = block - ((block - geometry.firstDataBlock) % geometry.clusterRatio);
    await this.change.blocks.free(cluster, geometry.clusterRatio);
    this.change.volume.store.forget(block);
    this.#account(-1);
  }

  #account(clusters: number): void {
    this.inode.blocks += (clusters * this.change.volume.geometry.clusterSize) / 512;
  }
}

/** Where blocks of an inode with none yet should lie: in the inode's own group. */
export function goalOfInode(change: Change, inode: Inode): number {
  const { geometry } = change.volume;
  return geometry.firstDataBlock + Math.floor((inode.ino - 1) / geometry.inodesPerGroup) * geometry.blocksPerGroup;
}

function moveEntries(from: ExtentNode, keep: number, to: ExtentNode): void {
  const moved = from.count - keep;
  to.raw.set(from.raw.subarray((keep + 1) * 12, (from.count + 1) * 12), 12);
  to.count = moved;
  from.remove(keep, moved);
}

function endOf(e: Extent): number {
  return e.logical + e.length;
}

function slice(e: Extent, from: number, to: number): Extent {
  return { ...e, logical: from, length: to - from, physical: e.physical + (from - e.logical) };
}

/** Whether `b` goes on right after `a`, in the file and on the device, and both fit one entry. */
function continues(a: Extent, b: Extent): boolean {
  const most = a.unwritten ? EXTENT_MAX_LENGTH - 1 : EXTENT_MAX_LENGTH;
  return (
    a.unwritten === b.unwritten &&
    endOf(a) === b.logical &&
    a.physical + a.length === b.physical &&
    a.length + b.length <= most
  );
}

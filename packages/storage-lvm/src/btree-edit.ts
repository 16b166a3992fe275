import { BTree, MAX_TREE_DEPTH } from './btree.js';
import { BTreeNode, CHILD_SIZE } from './btree-node.js';
import type { MetadataBlocks } from './metadata-blocks.js';

/** Blocks for nodes, with the number of users of each: one that has several is copied before it is changed. */
export interface NodeSpace {
  allocate(): Promise<number>;
  countOf(number: number): Promise<number>;
  increase(number: number): Promise<void>;
  decrease(number: number): Promise<void>;
}

/** Writes a value into its place. */
export type ValueWriter = (view: DataView, at: number) => void;

/** What happened to an entry. */
export interface Change {
  readonly root: number;
  /** Whether the key was there before. */
  readonly existed: boolean;
}

/** A B-tree to change. Nodes that others use too are copied; what a copied leaf refers to gets one more user. */
export class EditableBTree extends BTree {
  constructor(
    blocks: MetadataBlocks,
    valueSize: number,
    private readonly space: NodeSpace,
    /** Count the things that the entries of a copied leaf refer to once more. */
    private readonly keepValues: (leaf: BTreeNode) => Promise<void> = async () => undefined,
  ) {
    super(blocks, valueSize);
  }

  /** A tree without entries. */
  async create(): Promise<number> {
    return (await this.#newNode(true)).number;
  }

  /** A node that belongs to nobody else and may be changed: itself, or a copy. */
  async own(number: number): Promise<BTreeNode> {
    if ((await this.space.countOf(number)) <= 1) {
      const view = await this.blocks.change(number, 'node');
      return BTreeNode.of(this.blocks, number, view, this.valueSize);
    }
    const shared = await this.node(number);
    const copy = await this.#newNode(shared.isLeaf);
    copy.copyFrom(shared);
    if (shared.isLeaf) await this.keepValues(shared);
    else for (let i = 0; i < shared.entries; i++) await this.space.increase(shared.child(i));
    await this.space.decrease(number);
    return BTreeNode.of(this.blocks, copy.number, copy.view, this.valueSize);
  }

  /** Set the value of a key. */
  async set(root: number, key: number, write: ValueWriter): Promise<Change> {
    const top = await this.own(root);
    const { existed, split } = await this.#set(top, key, write, 0);
    if (split === undefined) return { root: top.number, existed };
    const parent = await this.#newNode(false);
    for (const [i, child] of [top, split].entries()) {
      parent.open(i);
      parent.setKey(i, child.key(0));
      parent.setChild(i, child.number);
    }
    return { root: parent.number, existed };
  }

  async #set(
    node: BTreeNode,
    key: number,
    write: ValueWriter,
    depth: number,
  ): Promise<{ existed: boolean; split: BTreeNode | undefined }> {
    if (depth >= MAX_TREE_DEPTH) this.blocks.fail(node.number, 'a tree that is too deep');
    const index = node.lowerBound(key);
    if (node.isLeaf) {
      if (index >= 0 && node.key(index) === key) {
        write(node.view, node.valueAt(index));
        return { existed: true, split: undefined };
      }
      const { target, at, split } = await this.#room(node, index + 1);
      target.open(at);
      target.setKey(at, key);
      write(target.view, target.valueAt(at));
      return { existed: false, split };
    }
    const slot = Math.max(0, index);
    const child = await this.own(node.child(slot));
    const below = await this.#set(child, key, write, depth + 1);
    node.setKey(slot, child.key(0));
    node.setChild(slot, child.number);
    if (below.split === undefined) return below;
    const { target, at, split } = await this.#room(node, slot + 1);
    target.open(at);
    target.setKey(at, below.split.key(0));
    target.setChild(at, below.split.number);
    return { existed: below.existed, split };
  }

  /** Where an entry can go in: the node itself, or one of its halves. */
  async #room(node: BTreeNode, at: number): Promise<{ target: BTreeNode; at: number; split: BTreeNode | undefined }> {
    const { entries } = node;
    if (entries < node.maxEntries) return { target: node, at, split: undefined };
    // Keys mostly come in order: the left half may be the larger.
    const half = at === entries ? Math.floor((entries * 2) / 3) : entries >> 1;
    const split = await this.#newNode(node.isLeaf);
    split.append(node, half, entries);
    node.cut(half);
    return at <= half ? { target: node, at, split } : { target: split, at: at - half, split };
  }

  /** Take a key out. The root stays where it is unless it was shared or has one child left. */
  async remove(root: number, key: number): Promise<Change> {
    const top = await this.own(root);
    const existed = await this.#remove(top, key, 0);
    if (top.isLeaf || top.entries > 1) return { root: top.number, existed };
    const only = top.child(0);
    await this.space.decrease(top.number);
    return { root: only, existed };
  }

  async #remove(node: BTreeNode, key: number, depth: number): Promise<boolean> {
    if (depth >= MAX_TREE_DEPTH) this.blocks.fail(node.number, 'a tree that is too deep');
    const index = node.lowerBound(key);
    if (index < 0) return false;
    if (node.isLeaf) {
      if (node.key(index) !== key) return false;
      node.remove(index);
      return true;
    }
    const child = await this.own(node.child(index));
    node.setChild(index, child.number);
    const existed = await this.#remove(child, key, depth + 1);
    if (child.entries > 0) node.setKey(index, child.key(0));
    if (child.entries < child.maxEntries / 3 && node.entries > 1) await this.#refill(node, index, child);
    return existed;
  }

  /** A child has become too empty: join it with a neighbour, or share entries with it. */
  async #refill(parent: BTreeNode, index: number, child: BTreeNode): Promise<void> {
    const i = index > 0 ? index - 1 : 0;
    const other = await this.own(parent.child(index > 0 ? index - 1 : 1));
    const [left, right] = index > 0 ? [other, child] : [child, other];
    parent.setChild(i, left.number);
    parent.setChild(i + 1, right.number);
    const total = left.entries + right.entries;
    if (total <= left.maxEntries) {
      left.append(right, 0, right.entries);
      parent.remove(i + 1);
      if (left.entries > 0) parent.setKey(i, left.key(0));
      await this.space.decrease(right.number);
      return;
    }
    const half = total >> 1;
    if (left.entries < half) {
      const moved = half - left.entries;
      left.append(right, 0, moved);
      for (let n = 0; n < moved; n++) right.remove(0);
    } else {
      for (let n = left.entries - half; n > 0; n--) {
        right.open(0);
        const last = left.entries - 1;
        right.setKey(0, left.key(last));
        for (let b = 0; b < left.valueSize; b++) {
          right.view.setUint8(right.valueAt(0) + b, left.view.getUint8(left.valueAt(last) + b));
        }
        left.cut(last);
      }
    }
    parent.setKey(i, left.key(0));
    parent.setKey(i + 1, right.key(0));
  }

  async #newNode(isLeaf: boolean): Promise<BTreeNode> {
    const number = await this.space.allocate();
    const view = this.blocks.create(number, 'node');
    return BTreeNode.format(number, view, isLeaf, isLeaf ? this.valueSize : CHILD_SIZE);
  }
}

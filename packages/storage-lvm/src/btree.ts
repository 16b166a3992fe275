import { BTreeNode } from './btree-node.js';
import type { MetadataBlocks } from './metadata-blocks.js';

/** A tree of 252 entries a node that held 2^64 of them would be this deep. */
export const MAX_TREE_DEPTH = 16;

/** An entry that was found: its node, and its place there. */
export interface FoundEntry {
  readonly leaf: BTreeNode;
  readonly index: number;
}

/** A B-tree to read. */
export class BTree {
  constructor(
    readonly blocks: MetadataBlocks,
    readonly valueSize: number,
  ) {}

  async node(number: number): Promise<BTreeNode> {
    const view = this.blocks.peek(number) ?? (await this.blocks.get(number, 'node'));
    return BTreeNode.of(this.blocks, number, view, this.valueSize);
  }

  /** The entry with a key; undefined when there is none. @throws CorruptImageError */
  async find(root: number, key: number): Promise<FoundEntry | undefined> {
    let number = root;
    for (let depth = 0; depth < MAX_TREE_DEPTH; depth++) {
      const node = await this.node(number);
      const index = node.lowerBound(key);
      if (index < 0) return undefined;
      if (node.isLeaf) return node.key(index) === key ? { leaf: node, index } : undefined;
      number = node.child(index);
    }
    return this.blocks.fail(root, 'a tree that is too deep');
  }

  /** As {@link find}, from blocks in memory alone; `null` when one is not there. */
  peek(root: number, key: number): FoundEntry | undefined | null {
    let number = root;
    for (let depth = 0; depth < MAX_TREE_DEPTH; depth++) {
      const view = this.blocks.peek(number);
      if (view === undefined) return null;
      const node = BTreeNode.of(this.blocks, number, view, this.valueSize);
      const index = node.lowerBound(key);
      if (index < 0) return undefined;
      if (node.isLeaf) return node.key(index) === key ? { leaf: node, index } : undefined;
      number = node.child(index);
    }
    return null;
  }

  /** All leaves that may hold keys from `first` on, in order. @throws CorruptImageError */
  async *leaves(root: number, first = 0, depth = 0): AsyncGenerator<BTreeNode> {
    if (depth >= MAX_TREE_DEPTH) this.blocks.fail(root, 'a tree that is too deep');
    const node = await this.node(root);
    if (node.isLeaf) {
      yield node;
      return;
    }
    for (let i = Math.max(0, node.lowerBound(first)); i < node.entries; i++) {
      yield* this.leaves(node.child(i), first, depth + 1);
    }
  }
}

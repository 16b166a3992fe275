import { viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { Checksum } from './checksum.js';
import type { LogicalSpace } from './devices.js';
import { CSUM_FIELD, ITEM_SIZE, KEY_PTR_SIZE, MAX_LEVEL, NodeHeader } from './layout.js';

/**
 * A key. Object ids and offsets above 2^53 (the reserved ids next to 2^64) lose their last digits, which leaves their order as it is; no tree
 * has two of them with one type.
 */
export interface Key {
  readonly objectid: number;
  readonly type: number;
  readonly offset: number;
}

/** Greater than every offset. */
export const LAST_OFFSET = Number.POSITIVE_INFINITY;

/** One item of a leaf. */
export interface Item extends Key {
  readonly data: Uint8Array;
}

/** A node in memory. */
export class TreeNode {
  readonly #view: DataView;
  readonly count: number;
  readonly level: number;
  readonly generation: number;

  constructor(
    readonly raw: Uint8Array,
    readonly logical: number,
  ) {
    this.#view = viewOf(raw);
    // Read by hand: a walk comes through here for every name.
    const nritems = this.#view.getUint32(NodeHeader.offsetOf('nritems'), true);
    const level = this.#view.getUint8(NodeHeader.offsetOf('level'));
    const size = level === 0 ? ITEM_SIZE : KEY_PTR_SIZE;
    if (level >= MAX_LEVEL || NodeHeader.size + nritems * size > raw.length) {
      throw new CorruptImageError({
        structure: 'btrfs_header',
        field: 'nritems',
        found: nritems,
        expected: 'inside the node',
        offset: logical,
      });
    }
    this.count = nritems;
    this.level = level;
    this.generation = this.#u64(NodeHeader.offsetOf('generation'));
  }

  #at(index: number): number {
    return NodeHeader.size + index * (this.level === 0 ? ITEM_SIZE : KEY_PTR_SIZE);
  }

  #u64(at: number): number {
    return this.#view.getUint32(at + 4, true) * 0x1_0000_0000 + this.#view.getUint32(at, true);
  }

  key(index: number): Key {
    const at = this.#at(index);
    return { objectid: this.#u64(at), type: this.#view.getUint8(at + 8), offset: this.#u64(at + 9) };
  }

  /** Whether the key at an index is this one. */
  has(index: number, { objectid, type, offset }: Key): boolean {
    const at = this.#at(index);
    return this.#u64(at) === objectid && this.#view.getUint8(at + 8) === type && this.#u64(at + 9) === offset;
  }

  /** Index of the first key that is greater than `key`. */
  indexAfter({ objectid, type, offset }: Key): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#at(middle);
      let difference = this.#u64(at) - objectid;
      if (difference === 0) difference = this.#view.getUint8(at + 8) - type;
      if (difference === 0) difference = this.#u64(at + 9) - offset;
      if (difference <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  child(index: number): { readonly logical: number; readonly generation: number } {
    const at = this.#at(index) + 17;
    return { logical: this.#u64(at), generation: this.#u64(at + 8) };
  }

  item(index: number): Item {
    const at = this.#at(index);
    const start = NodeHeader.size + this.#view.getUint32(at + 17, true);
    const end = start + this.#view.getUint32(at + 21, true);
    if (end > this.raw.length) {
      throw new CorruptImageError({
        structure: 'btrfs_item',
        field: 'offset',
        found: end,
        expected: `at most ${this.raw.length}`,
        offset: this.logical,
      });
    }
    return {
      objectid: this.#u64(at),
      type: this.#view.getUint8(at + 8),
      offset: this.#u64(at + 9),
      data: this.raw.subarray(start, end),
    };
  }
}

/** Bytes of nodes that are held. */
const HELD_BYTES = 8 << 20;

/** Reads nodes, verified, and keeps those used last. */
export class NodeReader {
  readonly #held = new Map<number, TreeNode>();
  /** What nodes carry: the UUID of the file system, and those of the seeds that it grew from. */
  readonly #uuids: Set<string>;
  readonly #limit: number;
  /** The node of each level that was used last. */
  readonly #last: (TreeNode | undefined)[] = [];

  constructor(
    readonly space: LogicalSpace,
    private readonly facts: { readonly nodesize: number; readonly nodeUuid: string; readonly checksum: Checksum },
  ) {
    this.#uuids = new Set([facts.nodeUuid]);
    this.#limit = Math.max(16, Math.floor(HELD_BYTES / facts.nodesize));
  }

  /** Take nodes of a seed, too. */
  accept(uuid: string): void {
    this.#uuids.add(uuid);
  }

  /** @throws CorruptImageError when no copy is as it should be, MissingDeviceError */
  async node(logical: number, level: number, generation?: number): Promise<TreeNode> {
    const node = await this.#read(logical);
    this.#held.set(logical, node);
    if (this.#held.size > this.#limit) this.#held.delete(this.#held.keys().next().value as number);
    return this.#fitting(node, level, generation);
  }

  /** A node that was used lately, without waiting. @throws CorruptImageError */
  held(logical: number, level: number, generation?: number): TreeNode | undefined {
    // The same path is asked for again and again.
    const last = this.#last[level];
    if (last?.logical === logical) return this.#fitting(last, level, generation);
    const node = this.#held.get(logical);
    if (node === undefined) return undefined;
    this.#held.delete(logical);
    this.#held.set(logical, node);
    this.#last[node.level] = node;
    return this.#fitting(node, level, generation);
  }

  #fitting(node: TreeNode, level: number, generation: number | undefined): TreeNode {
    if (node.level !== level) throw this.#bad(node.logical, 'level', level, node.level);
    if (generation !== undefined && node.generation !== generation) {
      throw this.#bad(node.logical, 'generation', generation, node.generation);
    }
    return node;
  }

  async #read(logical: number): Promise<TreeNode> {
    const { nodesize, checksum } = this.facts;
    const piece = this.space.chunks.piece(logical, nodesize);
    if (piece.length < nodesize) throw this.#bad(logical, 'address', 'a node within one stripe', logical);
    const good = (raw: Uint8Array): boolean =>
      checksum.matches(raw.subarray(CSUM_FIELD), raw, 0) && this.#belongs(raw, logical);
    const raw = await this.space.readPiece(piece, good);
    if (raw === undefined)
      throw this.#bad(logical, 'csum', `the ${checksum.name} of its bytes`, 'another, on every copy');
    return new TreeNode(raw.slice(), logical);
  }

  #belongs(raw: Uint8Array, logical: number): boolean {
    const { bytenr, fsid } = NodeHeader.decode(raw);
    return Number(bytenr) === logical && this.#uuids.has(fsid);
  }

  #bad(logical: number, field: string, expected: unknown, found: unknown): CorruptImageError {
    return new CorruptImageError({ structure: 'btrfs_header', field, expected, found, offset: logical });
  }
}

/** One tree: its root, and the items in it. */
export class Tree {
  constructor(
    private readonly nodes: NodeReader,
    readonly root: { readonly logical: number; readonly level: number; readonly generation?: number },
  ) {}

  /** The item with exactly this key. */
  async find(key: Key): Promise<Item | undefined> {
    const leaf = this.#heldLeaf(key) ?? (await this.#leaf(key));
    const index = leaf === undefined ? -1 : leaf.indexAfter(key) - 1;
    return index >= 0 && leaf?.has(index, key) ? leaf.item(index) : undefined;
  }

  /** The last item whose key is not greater than `key`. */
  async last(key: Key): Promise<Item | undefined> {
    const leaf = this.#heldLeaf(key) ?? (await this.#leaf(key));
    const index = leaf === undefined ? -1 : leaf.indexAfter(key) - 1;
    return index < 0 ? undefined : leaf?.item(index);
  }

  /** The leaf that has a key if any has, as far as every node on the way is held. */
  #heldLeaf(key: Key): TreeNode | undefined {
    let node = this.nodes.held(this.root.logical, this.root.level, this.root.generation);
    while (node !== undefined && node.level > 0) {
      const index = node.indexAfter(key) - 1;
      if (index < 0) return undefined;
      const child = node.child(index);
      node = this.nodes.held(child.logical, node.level - 1, child.generation);
    }
    return node;
  }

  async #leaf(key: Key): Promise<TreeNode | undefined> {
    let node = await this.#node(this.root.logical, this.root.level, this.root.generation);
    while (node.level > 0) {
      const index = node.indexAfter(key) - 1;
      if (index < 0) return undefined;
      const child = node.child(index);
      node = await this.#node(child.logical, node.level - 1, child.generation);
    }
    return node;
  }

  async #node(logical: number, level: number, generation: number | undefined): Promise<TreeNode> {
    return this.nodes.held(logical, level, generation) ?? this.nodes.node(logical, level, generation);
  }

  /** Items from `from` on, in order, up to `to`. Both ends count. */
  async *range(from: Key, to: Key): AsyncGenerator<Item> {
    for await (const leaf of this.#leaves(from)) {
      const first = leaf.indexAfter({ ...from, offset: from.offset - 1 });
      const end = leaf.indexAfter(to);
      for (let i = first; i < end; i++) {
        const item = leaf.item(i);
        if (compare(item, from) >= 0) yield item;
      }
      if (end < leaf.count) return;
    }
  }

  async *#leaves(from: Key): AsyncGenerator<TreeNode> {
    const path: { node: TreeNode; next: number }[] = [];
    let node = await this.#node(this.root.logical, this.root.level, this.root.generation);
    let seek = true;
    let previous: Key | undefined;
    for (;;) {
      while (node.level > 0) {
        const index = seek ? Math.max(0, node.indexAfter(from) - 1) : 0;
        if (index >= node.count) break;
        path.push({ node, next: index + 1 });
        const child = node.child(index);
        node = await this.#node(child.logical, node.level - 1, child.generation);
      }
      if (node.level === 0) {
        previous = inOrder(node, previous, path.length > 0);
        yield node;
      }
      seek = false;
      let parent = path.at(-1);
      while (parent !== undefined && parent.next >= parent.node.count) {
        path.pop();
        parent = path.at(-1);
      }
      if (parent === undefined) return;
      const child = parent.node.child(parent.next++);
      node = await this.#node(child.logical, parent.node.level - 1, child.generation);
    }
  }
}

/**
 * Leaves of one walk must have rising keys: a tree whose branches meet again could be walked for ever.
 * @returns the last key of the leaf
 */
function inOrder(leaf: TreeNode, previous: Key | undefined, hasParent: boolean): Key | undefined {
  if (leaf.count === 0 && !hasParent) return previous;
  if (leaf.count > 0 && (previous === undefined || compare(leaf.key(0), previous) > 0)) return leaf.key(leaf.count - 1);
  throw new CorruptImageError({ structure: 'btrfs leaf', reason: 'its keys do not rise', offset: leaf.logical });
}

/** Order of keys. */
export function compare(a: Key, b: Key): number {
  return a.objectid - b.objectid || a.type - b.type || (a.offset === b.offset ? 0 : a.offset - b.offset);
}

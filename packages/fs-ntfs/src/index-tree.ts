import { isPowerOfTwo } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { type ClusterSource, piecesOf } from './attribute-reader.js';
import { type Collator, collatorOf } from './collation.js';
import { decodeBlock, decodeNode, type IndexEntry, type IndexNode, NO_CHILD, ROOT_VCN } from './index-node.js';
import type { Inode } from './inode.js';
import { AttributeType } from './layout.js';
import { INDEX_ROOT_HEADER_SIZE, indexRoot } from './layout-index.js';
import type { UpcaseTable } from './upcase.js';

/** Levels that an index may have; eight hold more entries than any volume. */
const MAX_DEPTH = 32;
const MIN_BLOCK = 512;
const MAX_BLOCK = 65536;
/** VCNs of an index count these where a cluster is larger than a block. */
const SMALL_VCN = 512;

/** What indexes need of the volume. */
export interface IndexHost extends ClusterSource {
  readonly upcase: UpcaseTable;
  readonly nodeBudget: NodeBudget;
}

/** Nodes of all indexes together that stay in memory. */
const MAX_NODES = 2048;

/** Bounds the memory that nodes of indexes take. */
export class NodeBudget {
  readonly #trees = new Set<IndexTree>();
  #count = 0;

  /** @param evicts nodes may leave memory at any time, as nobody changes them */
  constructor(readonly evicts: boolean) {}

  /** A node came into memory. */
  added(tree: IndexTree): void {
    this.#trees.add(tree);
    this.#count++;
    if (this.evicts) this.trim();
  }

  /** Whether there are too many. */
  get isFull(): boolean {
    return this.#count > MAX_NODES;
  }

  /** Let go of nodes that are not changed when there are too many. */
  trim(): void {
    if (!this.isFull) return;
    this.#count = 0;
    for (const tree of this.#trees) {
      for (const [vcn, node] of tree.nodes) if (!node.dirty) tree.nodes.delete(vcn);
      this.#count += tree.nodes.size;
      if (tree.nodes.size === 0) this.#trees.delete(tree);
    }
  }
}

/** A position in a tree: before entry `position` of `node`. */
export interface Step {
  readonly node: IndexNode;
  position: number;
}

/** An index of a file: a B-tree with its root in $INDEX_ROOT and its other nodes in $INDEX_ALLOCATION. */
export class IndexTree {
  readonly collate: Collator;
  readonly blockSize: number;
  /** Bytes of one VCN. */
  readonly vcnSize: number;
  root: IndexNode;
  /** Counts changes of structure, by which a cursor knows that its position is old. */
  generation = 0;
  /** Nodes in memory. */
  readonly nodes = new Map<number, IndexNode>();

  /** @throws CorruptImageError */
  constructor(
    readonly host: IndexHost,
    readonly inode: Inode,
    readonly name: string,
  ) {
    const value = inode.requireValue(AttributeType.indexRoot, INDEX_ROOT_HEADER_SIZE, name);
    const { collation, blockSize } = indexRoot.decode(value);
    if (!isPowerOfTwo(blockSize) || blockSize < MIN_BLOCK || blockSize > MAX_BLOCK) {
      throw new CorruptImageError({ structure: '$INDEX_ROOT', field: 'block size', found: blockSize });
    }
    this.collate = collatorOf(collation, host.upcase);
    this.blockSize = blockSize;
    this.vcnSize = host.geometry.clusterSize <= blockSize ? host.geometry.clusterSize : SMALL_VCN;
    this.root = decodeNode(value.slice(indexRoot.size), ROOT_VCN, `$INDEX_ROOT of record ${inode.number}`);
  }

  get isDirty(): boolean {
    if (this.root.dirty) return true;
    for (const node of this.nodes.values()) if (node.dirty) return true;
    return false;
  }

  /** Where a block lies on the device. @throws CorruptImageError */
  pieces(vcn: number): { readonly position: number; readonly length: number }[] {
    const body = this.inode.find(AttributeType.indexAllocation, this.name)?.nonResident;
    const offset = vcn * this.vcnSize;
    if (body === undefined || offset + this.blockSize > body.initializedSize) {
      throw new CorruptImageError({
        structure: `index ${this.name} of record ${this.inode.number}`,
        field: 'child VCN',
        found: vcn,
        reason: `block ${vcn} is outside of the index`,
      });
    }
    const pieces = piecesOf(this.host, body, offset, this.blockSize);
    if (pieces.some((piece) => piece.position < 0)) {
      throw new CorruptImageError({
        structure: '$INDEX_ALLOCATION',
        field: 'mapping pairs',
        reason: 'a block is a hole',
      });
    }
    return pieces;
  }

  /** The node if its bytes are in memory. */
  peek(vcn: number): IndexNode | undefined {
    const known = this.nodes.get(vcn);
    if (known !== undefined) return known;
    const pieces = this.pieces(vcn);
    const first = pieces[0]!;
    const raw = pieces.length === 1 ? this.host.device.peek(first.position, first.length) : undefined;
    return raw === undefined ? undefined : this.keep(decodeBlock(raw, vcn, first.position));
  }

  async load(vcn: number): Promise<IndexNode> {
    const ready = this.peek(vcn);
    if (ready !== undefined) return ready;
    const pieces = this.pieces(vcn);
    const raw = new Uint8Array(this.blockSize);
    let at = 0;
    for (const piece of pieces) {
      raw.set(await this.host.device.read(piece.position, piece.length), at);
      at += piece.length;
    }
    return this.nodes.get(vcn) ?? this.keep(decodeBlock(raw, vcn, pieces[0]!.position));
  }

  /** Hold a node in memory. */
  keep(node: IndexNode): IndexNode {
    this.nodes.set(node.vcn, node);
    this.host.nodeBudget.added(this);
    return node;
  }

  /** Where a key belongs among the entries of a node: the first entry not below it. */
  search(node: IndexNode, key: Uint8Array): { position: number; found: boolean } {
    let low = 0;
    let high = node.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = this.collate(node.entries[middle]!.key, key);
      if (order === 0) return { position: middle, found: true };
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return { position: low, found: false };
  }

  /** The way from the root to a key, or to the place in a leaf where it would be. @throws CorruptImageError */
  async descend(key: Uint8Array): Promise<{ path: Step[]; found: boolean }> {
    const path: Step[] = [];
    let node = this.root;
    for (;;) {
      const { position, found } = this.search(node, key);
      path.push({ node, position });
      if (found) return { path, found };
      const child = node.childAt(position);
      if (child === NO_CHILD) return { path, found };
      if (path.length >= MAX_DEPTH) throw this.tooDeep();
      node = this.peek(child) ?? (await this.load(child));
    }
  }

  tooDeep(): CorruptImageError {
    return new CorruptImageError({
      structure: `index ${this.name} of record ${this.inode.number}`,
      field: 'depth',
      reason: `it has more than ${MAX_DEPTH} levels, or leads back to itself`,
    });
  }

  /** The entry of a key. */
  async find(key: Uint8Array): Promise<IndexEntry | undefined> {
    const { path, found } = await this.descend(key);
    const last = path.at(-1)!;
    return found ? last.node.entries[last.position] : undefined;
  }

  /** All entries in order, in batches of a node or less. */
  entries(): IndexCursor {
    return new IndexCursor(this);
  }
}

/** Walks an index in order. It may change between two calls of `next`: the walk goes on behind the last key. */
export class IndexCursor {
  #path: Step[] | undefined;
  #generation = 0;
  #last: Uint8Array | undefined;
  readonly #visited = new Set<number>();

  constructor(private tree: IndexTree) {}

  /** Blocks that the walk has been in so far. */
  get visited(): ReadonlySet<number> {
    return this.#visited;
  }

  /**
   * Entries that follow, as many as are at hand; undefined at the end.
   * @param tree the index as it is in memory now, when it may have been let go in between
   * @throws CorruptImageError
   */
  async next(tree = this.tree): Promise<IndexEntry[] | undefined> {
    if (tree !== this.tree) this.#generation = -1;
    this.tree = tree;
    if (this.#path === undefined) this.#path = await this.#leftmost([], tree.root);
    else if (this.#generation !== tree.generation) this.#path = await this.#resume();
    this.#generation = tree.generation;
    const path = this.#path;
    for (;;) {
      const step = path.at(-1);
      if (step === undefined) return undefined;
      const { node, position } = step;
      if (position >= node.entries.length) {
        path.pop();
        continue;
      }
      const out = node.isLeaf ? node.entries.slice(position) : [node.entries[position]!];
      step.position += out.length;
      const child = node.childAt(step.position);
      if (child !== NO_CHILD) this.#path = await this.#leftmost(path, tree.peek(child) ?? (await tree.load(child)));
      this.#last = out.at(-1)!.key;
      return out;
    }
  }

  /** Go down from a node by first children. */
  async #leftmost(path: Step[], from: IndexNode): Promise<Step[]> {
    let node = from;
    for (;;) {
      if (node.vcn !== ROOT_VCN) {
        if (this.#visited.has(node.vcn)) throw this.tree.tooDeep();
        this.#visited.add(node.vcn);
      }
      path.push({ node, position: 0 });
      if (path.length > MAX_DEPTH) throw this.tree.tooDeep();
      const child = node.childAt(0);
      if (child === NO_CHILD) return path;
      node = this.tree.peek(child) ?? (await this.tree.load(child));
    }
  }

  async #resume(): Promise<Step[]> {
    this.#visited.clear();
    if (this.#last === undefined) return this.#leftmost([], this.tree.root);
    const { path, found } = await this.tree.descend(this.#last);
    if (!found) return path;
    const step = path.at(-1)!;
    step.position++;
    const child = step.node.childAt(step.position);
    return child === NO_CHILD ? path : this.#leftmost(path, await this.tree.load(child));
  }
}

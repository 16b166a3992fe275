import { BLOCK, INTERNAL_NODE, LEAF_NODE, NODE_HEADER } from './layout-thin.js';
import type { MetadataBlocks } from './metadata-blocks.js';

const ENTRIES_AT = 16;
const MAX_ENTRIES_AT = 20;
const VALUE_SIZE_AT = 24;

/** Bytes of a value of an internal node: the number of a block. */
export const CHILD_SIZE = 8;

/** One node of a B-tree: a window on its block. Keys and numbers of blocks are safe integers. */
export class BTreeNode {
  private constructor(
    readonly number: number,
    readonly view: DataView,
    readonly isLeaf: boolean,
    readonly valueSize: number,
    readonly maxEntries: number,
  ) {}

  /** Check what the header says. @throws CorruptImageError */
  static of(blocks: MetadataBlocks, number: number, view: DataView, leafValueSize: number): BTreeNode {
    const flags = view.getUint32(4, true);
    const isLeaf = flags === LEAF_NODE;
    if (!isLeaf && flags !== INTERNAL_NODE) blocks.fail(number, `a node with flags ${flags}`);
    const valueSize = view.getUint32(VALUE_SIZE_AT, true);
    const maxEntries = view.getUint32(MAX_ENTRIES_AT, true);
    const entries = view.getUint32(ENTRIES_AT, true);
    const expected = isLeaf ? leafValueSize : CHILD_SIZE;
    if (valueSize !== expected) blocks.fail(number, `a node with values of ${valueSize} bytes, not ${expected}`);
    if (entries > maxEntries || NODE_HEADER + maxEntries * (8 + valueSize) > BLOCK || (!isLeaf && entries === 0)) {
      blocks.fail(number, `a node of ${entries} entries of ${maxEntries}`);
    }
    return new BTreeNode(number, view, isLeaf, valueSize, maxEntries);
  }

  /** Make a fresh block a node without entries. */
  static format(number: number, view: DataView, isLeaf: boolean, valueSize: number): BTreeNode {
    // A third of the entries must always fit, so their number is a multiple of three.
    const maxEntries = Math.floor(Math.floor((BLOCK - NODE_HEADER) / (8 + valueSize)) / 3) * 3;
    view.setUint32(4, isLeaf ? LEAF_NODE : INTERNAL_NODE, true);
    view.setUint32(ENTRIES_AT, 0, true);
    view.setUint32(MAX_ENTRIES_AT, maxEntries, true);
    view.setUint32(VALUE_SIZE_AT, valueSize, true);
    return new BTreeNode(number, view, isLeaf, valueSize, maxEntries);
  }

  get entries(): number {
    return this.view.getUint32(ENTRIES_AT, true);
  }

  key(i: number): number {
    return read64(this.view, NODE_HEADER + i * 8);
  }

  setKey(i: number, key: number): void {
    write64(this.view, NODE_HEADER + i * 8, key);
  }

  /** Offset of a value in the block. */
  valueAt(i: number): number {
    return NODE_HEADER + this.maxEntries * 8 + i * this.valueSize;
  }

  /** A value that is the number of a block. */
  child(i: number): number {
    return read64(this.view, this.valueAt(i));
  }

  setChild(i: number, number: number): void {
    write64(this.view, this.valueAt(i), number);
  }

  /** The last entry whose key is not above `key`; -1 when there is none. */
  lowerBound(key: number): number {
    let low = -1;
    let high = this.entries;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.key(middle) <= key) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Make room for an entry at `i`; its key and value are what was there. */
  open(i: number): void {
    this.#move(i, i + 1, this.entries - i);
    this.view.setUint32(ENTRIES_AT, this.entries + 1, true);
  }

  /** Take an entry out. */
  remove(i: number): void {
    this.#move(i + 1, i, this.entries - i - 1);
    this.view.setUint32(ENTRIES_AT, this.entries - 1, true);
  }

  /** Append entries `from`..`to` of another node. */
  append(other: BTreeNode, from: number, to: number): void {
    const at = this.entries;
    const [mine, theirs] = [this.#bytes(), other.#bytes()];
    mine.set(theirs.subarray(NODE_HEADER + from * 8, NODE_HEADER + to * 8), NODE_HEADER + at * 8);
    mine.set(theirs.subarray(other.valueAt(from), other.valueAt(to)), this.valueAt(at));
    this.view.setUint32(ENTRIES_AT, at + to - from, true);
  }

  /** Drop all entries from `count` on. */
  cut(count: number): void {
    this.view.setUint32(ENTRIES_AT, count, true);
  }

  /** Take over everything but the place. */
  copyFrom(other: BTreeNode): void {
    const number = this.view.getBigUint64(8, true);
    this.#bytes().set(other.#bytes());
    this.view.setBigUint64(8, number, true);
  }

  #move(from: number, to: number, count: number): void {
    const data = this.#bytes();
    data.copyWithin(NODE_HEADER + to * 8, NODE_HEADER + from * 8, NODE_HEADER + (from + count) * 8);
    data.copyWithin(this.valueAt(to), this.valueAt(from), this.valueAt(from + count));
  }

  #bytes(): Uint8Array {
    return new Uint8Array(this.view.buffer, this.view.byteOffset, BLOCK);
  }
}

/** A 64-bit number below 2^53; larger ones become that bound, which no block or chunk reaches. */
export function read64(view: DataView, at: number): number {
  const value = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}

/** Store a safe integer as 64 bits. */
export function write64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

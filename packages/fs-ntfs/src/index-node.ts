import { viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { applyFixups, undoFixups } from './fixup.js';
import { FIXUP_STRIDE, Magic } from './layout.js';
import {
  INDEX_BLOCK_HEADER_SIZE,
  INDEX_ENTRY_HEADER_SIZE,
  INDEX_HAS_CHILDREN,
  INDEX_USA_OFFSET,
  IndexEntryFlag,
  indexBlock,
  indexHeader,
} from './layout-index.js';

/** VCN of a child that is not there. */
export const NO_CHILD = -1;
/** Stands for the VCN of the root, which lies in $INDEX_ROOT. */
export const ROOT_VCN = -1;
const CHILD_SIZE = 8;
const CITATION = 'Linux-NTFS documentation, "$INDEX_ALLOCATION"';

/** An entry of an index, without its child's VCN, which is beside it. */
export class IndexEntry {
  constructor(
    /** Header, key, data and padding. */
    readonly raw: Uint8Array,
    public child = NO_CHILD,
  ) {}

  get keyLength(): number {
    return this.raw[10]! | (this.raw[11]! << 8);
  }

  get key(): Uint8Array {
    return this.raw.subarray(INDEX_ENTRY_HEADER_SIZE, INDEX_ENTRY_HEADER_SIZE + this.keyLength);
  }

  /** Record that a directory's entry names. */
  get record(): number {
    const { raw } = this;
    const low = (raw[0]! | (raw[1]! << 8) | (raw[2]! << 16) | (raw[3]! << 24)) >>> 0;
    return low + (raw[4]! | (raw[5]! << 8)) * 2 ** 32;
  }

  /** Sequence number of the file that a directory's entry names. */
  get sequence(): number {
    return this.raw[6]! | (this.raw[7]! << 8);
  }

  /** Data of a view index's entry. */
  get data(): Uint8Array {
    const offset = this.raw[0]! | (this.raw[1]! << 8);
    const length = this.raw[2]! | (this.raw[3]! << 8);
    return this.raw.subarray(Math.min(offset, this.raw.length), Math.min(offset + length, this.raw.length));
  }
}

/** A node of an index in memory. */
export class IndexNode {
  entries: IndexEntry[] = [];
  /** Child behind the last entry. */
  lastChild = NO_CHILD;
  dirty = false;

  constructor(readonly vcn: number) {}

  get isLeaf(): boolean {
    return this.lastChild === NO_CHILD;
  }

  /** Child to the left of entry `position`; the last child at the end. */
  childAt(position: number): number {
    return position < this.entries.length ? this.entries[position]!.child : this.lastChild;
  }

  setChildAt(position: number, child: number): void {
    if (position < this.entries.length) this.entries[position]!.child = child;
    else this.lastChild = child;
  }

  /** Bytes that the entries take, with the end entry. */
  get size(): number {
    const perEntry = this.isLeaf ? 0 : CHILD_SIZE;
    let total = INDEX_ENTRY_HEADER_SIZE + perEntry;
    for (const entry of this.entries) total += entry.raw.length + perEntry;
    return total;
  }

  /** Write header and entries to `target`. @param allocated bytes from the header on that the node may take */
  encodeInto(target: Uint8Array, entriesOffset: number, allocated: number): void {
    const hasChildren = !this.isLeaf;
    indexHeader.encodeInto(
      {
        entriesOffset,
        indexLength: entriesOffset + this.size,
        allocatedSize: allocated,
        flags: hasChildren ? INDEX_HAS_CHILDREN : 0,
      },
      target,
    );
    const view = viewOf(target);
    let at = entriesOffset;
    for (const entry of this.entries) {
      target.set(entry.raw, at);
      at = finishEntry(view, at, entry.raw.length, hasChildren ? entry.child : NO_CHILD, 0);
    }
    target.fill(0, at, at + INDEX_ENTRY_HEADER_SIZE);
    finishEntry(view, at, INDEX_ENTRY_HEADER_SIZE, this.lastChild, IndexEntryFlag.last);
  }
}

function finishEntry(view: DataView, at: number, rawLength: number, child: number, flags: number): number {
  const length = rawLength + (child === NO_CHILD ? 0 : CHILD_SIZE);
  view.setUint16(at + 8, length, true);
  view.setUint16(at + 12, flags | (child === NO_CHILD ? 0 : IndexEntryFlag.hasChild), true);
  if (child !== NO_CHILD) view.setBigUint64(at + length - CHILD_SIZE, BigInt(child), true);
  return at + length;
}

/**
 * Decode the entries behind an index header.
 * @param data from the header on; the entries stay views into it
 * @throws CorruptImageError
 */
export function decodeNode(data: Uint8Array, vcn: number, structure: string): IndexNode {
  const view = viewOf(data);
  const node = new IndexNode(vcn);
  const corrupt = (field: string, found: number): CorruptImageError =>
    new CorruptImageError({ structure, field, found, reason: `not valid: ${found}`, citation: CITATION });
  if (data.length < indexHeader.size) throw corrupt('size', data.length);
  const end = Math.min(view.getUint32(4, true), data.length);
  let at = view.getUint32(0, true);
  for (;;) {
    if (at % 8 !== 0 || at + INDEX_ENTRY_HEADER_SIZE > end) throw corrupt('entry offset', at);
    const length = view.getUint16(at + 8, true);
    const flags = view.getUint16(at + 12, true);
    const childSize = (flags & IndexEntryFlag.hasChild) !== 0 ? CHILD_SIZE : 0;
    if (length < INDEX_ENTRY_HEADER_SIZE + childSize || length % 8 !== 0 || at + length > end) {
      throw corrupt('entry length', length);
    }
    const child = childSize === 0 ? NO_CHILD : Number(view.getBigInt64(at + length - CHILD_SIZE, true));
    if (childSize !== 0 && !(child >= 0 && Number.isSafeInteger(child))) throw corrupt('child VCN', child);
    if ((flags & IndexEntryFlag.last) !== 0) {
      node.lastChild = child;
      return checkChildren(node, structure);
    }
    const keyLength = view.getUint16(at + 10, true);
    if (INDEX_ENTRY_HEADER_SIZE + keyLength > length - childSize) throw corrupt('key length', keyLength);
    node.entries.push(new IndexEntry(data.subarray(at, at + length - childSize), child));
    at += length;
  }
}

/** Either all entries of a node have children, or none. */
function checkChildren(node: IndexNode, structure: string): IndexNode {
  for (const entry of node.entries) {
    if ((entry.child === NO_CHILD) !== node.isLeaf) {
      throw new CorruptImageError({
        structure,
        field: 'child VCN',
        reason: 'some entries have children, some have none',
      });
    }
  }
  return node;
}

/** Decode an index block. @param raw copied @throws CorruptImageError */
export function decodeBlock(raw: Uint8Array, vcn: number, position: number): IndexNode {
  const structure = `INDX record of VCN ${vcn}`;
  const data = raw.slice();
  const { magic, vcn: own } = indexBlock.decode(data, 0, position);
  if (magic !== Magic.index) {
    throw new CorruptImageError({
      structure,
      field: 'magic',
      offset: position,
      expected: Magic.index,
      found: magic,
      citation: CITATION,
    });
  }
  undoFixups(data, structure, position);
  if (own !== BigInt(vcn)) {
    throw new CorruptImageError({ structure, field: 'VCN', offset: position, expected: vcn, found: own });
  }
  return decodeNode(data.subarray(indexBlock.size), vcn, structure);
}

/** Where the entries of a block begin, from its index header on. */
function entriesOffsetOf(blockSize: number): number {
  const usaEnd = INDEX_USA_OFFSET + (blockSize / FIXUP_STRIDE + 1) * 2;
  return ((usaEnd + 7) & ~7) - indexBlock.size;
}

/** Bytes of entries that a block has room for. */
export function blockCapacity(blockSize: number): number {
  return blockSize - indexBlock.size - entriesOffsetOf(blockSize);
}

/** Encode an index block, protected by fixups. */
export function encodeBlock(node: IndexNode, blockSize: number): Uint8Array {
  const out = new Uint8Array(blockSize);
  indexBlock.encodeInto(
    {
      magic: Magic.index,
      usaOffset: INDEX_BLOCK_HEADER_SIZE,
      usaCount: blockSize / FIXUP_STRIDE + 1,
      lsn: 0n,
      vcn: BigInt(node.vcn),
    },
    out,
  );
  node.encodeInto(out.subarray(indexBlock.size), entriesOffsetOf(blockSize), blockSize - indexBlock.size);
  applyFixups(out);
  return out;
}

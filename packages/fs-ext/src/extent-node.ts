import { CorruptImageError } from '@vmcraft/core/errors';
import { checkBlockNumber, type Seal } from './block-store.js';
import type { Inode } from './inode.js';
import { EXTENT_ENTRY_SIZE, EXTENT_MAGIC, EXTENT_MAX_DEPTH, EXTENT_MAX_LENGTH } from './layout.js';
import { VERIFIED, type Volume, verifiedKey } from './volume.js';

const STRUCTURE = 'ext4_extent_header';
const CITATION = 'ext4 Data Structures and Algorithms, Extent Tree';

/** A run of blocks of a file. Counts and positions are blocks. */
export interface Extent {
  readonly logical: number;
  readonly length: number;
  readonly physical: number;
  readonly unwritten: boolean;
}

/** One node of an extent tree over its bytes: the root in `i_block`, or a block. */
export class ExtentNode {
  private readonly view: DataView;

  constructor(
    /** The block, or 0 for the root. */
    readonly block: number,
    readonly raw: Uint8Array,
  ) {
    this.view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  }

  get magic(): number {
    return this.view.getUint16(0, true);
  }
  get count(): number {
    return this.view.getUint16(2, true);
  }
  set count(count: number) {
    this.view.setUint16(2, count, true);
  }
  get max(): number {
    return this.view.getUint16(4, true);
  }
  get depth(): number {
    return this.view.getUint16(6, true);
  }
  set depth(depth: number) {
    this.view.setUint16(6, depth, true);
  }

  /** Make an empty node. */
  init(depth: number, max: number): void {
    this.view.setUint16(0, EXTENT_MAGIC, true);
    this.count = 0;
    this.view.setUint16(4, max, true);
    this.depth = depth;
    this.view.setUint32(8, 0, true);
  }

  /** First logical block of entry `i`. */
  key(i: number): number {
    return this.view.getUint32((i + 1) * EXTENT_ENTRY_SIZE, true);
  }
  setKey(i: number, logical: number): void {
    this.view.setUint32((i + 1) * EXTENT_ENTRY_SIZE, logical, true);
  }

  /** Entry `i` of a leaf. */
  extent(i: number): Extent {
    const at = (i + 1) * EXTENT_ENTRY_SIZE;
    const length = this.view.getUint16(at + 4, true);
    const unwritten = length > EXTENT_MAX_LENGTH;
    return {
      logical: this.view.getUint32(at, true),
      length: unwritten ? length - EXTENT_MAX_LENGTH : length,
      physical: this.view.getUint32(at + 8, true) + this.view.getUint16(at + 6, true) * 0x100000000,
      unwritten,
    };
  }
  setExtent(i: number, e: Extent): void {
    const at = (i + 1) * EXTENT_ENTRY_SIZE;
    this.view.setUint32(at, e.logical, true);
    this.view.setUint16(at + 4, e.unwritten ? e.length + EXTENT_MAX_LENGTH : e.length, true);
    this.view.setUint16(at + 6, Math.floor(e.physical / 0x100000000), true);
    this.view.setUint32(at + 8, e.physical >>> 0, true);
  }

  /** Block that entry `i` of an inner node leads to. */
  child(i: number): number {
    const at = (i + 1) * EXTENT_ENTRY_SIZE;
    return this.view.getUint32(at + 4, true) + this.view.getUint16(at + 8, true) * 0x100000000;
  }
  setIndex(i: number, logical: number, child: number): void {
    const at = (i + 1) * EXTENT_ENTRY_SIZE;
    this.view.setUint32(at, logical, true);
    this.view.setUint32(at + 4, child >>> 0, true);
    this.view.setUint16(at + 8, Math.floor(child / 0x100000000), true);
    this.view.setUint16(at + 10, 0, true);
  }

  /** Open a gap of one entry at `i`; the caller fills it. */
  insertGap(i: number): void {
    const from = (i + 1) * EXTENT_ENTRY_SIZE;
    this.raw.copyWithin(from + EXTENT_ENTRY_SIZE, from, (this.count + 1) * EXTENT_ENTRY_SIZE);
    this.count += 1;
  }
  /** Remove entries [i, i + n). */
  remove(i: number, n: number): void {
    const end = (this.count + 1) * EXTENT_ENTRY_SIZE;
    const from = (i + 1) * EXTENT_ENTRY_SIZE;
    this.raw.copyWithin(from, from + n * EXTENT_ENTRY_SIZE, end);
    this.raw.fill(0, end - n * EXTENT_ENTRY_SIZE, end);
    this.count -= n;
  }

  /** Index of the last entry whose key is at most `logical`, or -1. */
  search(logical: number): number {
    let lo = 0;
    let hi = this.count;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.key(mid) <= logical) lo = mid + 1;
      else hi = mid;
    }
    return lo - 1;
  }

  /** Offset of the checksum in a block node. */
  get tailOffset(): number {
    return EXTENT_ENTRY_SIZE * (1 + this.max);
  }
}

/** Room for entries in a block node: the rest of the block less the checksum's four bytes, which are always left. */
export function entriesPerBlock(blockSize: number): number {
  return Math.floor((blockSize - EXTENT_ENTRY_SIZE) / EXTENT_ENTRY_SIZE);
}

/** The root of an inode's extent tree, over the inode's bytes. @throws CorruptImageError */
export function extentRoot(volume: Volume, inode: Inode): ExtentNode {
  const root = new ExtentNode(0, inode.block);
  checkNode(volume, root, inode.ino, undefined, 4);
  return root;
}

/** A node below the root, verified. @throws CorruptImageError */
export async function extentBlock(volume: Volume, inode: Inode, block: number, depth: number): Promise<ExtentNode> {
  const { store, geometry } = volume;
  checkBlockNumber(block, geometry.blocksCount, 'ext4_extent_idx', 'ei_leaf');
  const node = new ExtentNode(block, store.peek(block) ?? (await store.read(block)));
  const key = verifiedKey(inode.ino, VERIFIED.EXTENT);
  if (store.isVerified(block, key) && node.magic === EXTENT_MAGIC && node.depth === depth) return node;
  checkNode(volume, node, inode.ino, depth, entriesPerBlock(geometry.blockSize));
  verifyChecksum(volume, inode, node);
  store.setVerified(block, key);
  return node;
}

function checkNode(volume: Volume, node: ExtentNode, ino: number, depth: number | undefined, room: number): void {
  const offset = node.block === 0 ? {} : { offset: node.block * volume.geometry.blockSize };
  const fail = (reason: string): never => {
    throw new CorruptImageError({
      structure: STRUCTURE,
      ...offset,
      reason: `inode ${ino}: ${reason}`,
      citation: CITATION,
    });
  };
  if (node.magic !== EXTENT_MAGIC) fail(`magic is 0x${node.magic.toString(16)}`);
  if (node.max > room || node.count > node.max) fail(`${node.count} entries of at most ${node.max}, room for ${room}`);
  if (depth === undefined ? node.depth > EXTENT_MAX_DEPTH : node.depth !== depth) fail(`depth is ${node.depth}`);
  if (node.depth > 0 && node.count === 0) fail('an inner node is empty');
  let next = 0;
  for (let i = 0; i < node.count; i++) {
    const key = node.key(i);
    if (key < next) fail(`entry ${i} begins at ${key}, before ${next}`);
    next = key + 1;
    if (node.depth > 0) continue;
    const e = node.extent(i);
    if (e.length === 0 || e.physical === 0 || e.physical + e.length > volume.geometry.blocksCount) {
      fail(`extent of ${e.length} blocks at ${e.physical}`);
    }
    next = key + e.length;
  }
}

function verifyChecksum(volume: Volume, inode: Inode, node: ExtentNode): void {
  const { checksum, geometry } = volume;
  if (!checksum.metadata) return;
  const seed = checksum.inodeSeed(inode.ino, inode.generation);
  const expected = checksum.ofInode(seed, node.raw, node.tailOffset);
  const found = new DataView(node.raw.buffer, node.raw.byteOffset).getUint32(node.tailOffset, true);
  if (expected === found) return;
  const offset = node.block * geometry.blockSize + node.tailOffset;
  throw new CorruptImageError({ structure: 'ext4_extent_tail', field: 'et_checksum', offset, expected, found });
}

/** The seal of an extent block of `inode`. */
export function extentSeal(volume: Volume, inode: Inode): Seal | undefined {
  const { checksum } = volume;
  if (!checksum.metadata) return undefined;
  const seed = checksum.inodeSeed(inode.ino, inode.generation);
  return (data) => {
    const node = new ExtentNode(0, data);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    view.setUint32(node.tailOffset, checksum.ofInode(seed, data, node.tailOffset), true);
  };
}

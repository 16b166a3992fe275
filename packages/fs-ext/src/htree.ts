import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { mapBlocks } from './block-map.js';
import { foldName, mayFoldOtherwise } from './casefold.js';
import { type FoundEntry, findInRegion, readDirectoryBlock } from './directory.js';
import { indexEntriesOffset } from './directory-block.js';
import { hashName } from './dx-hash.js';
import type { Inode } from './inode.js';
import {
  DX_ENTRY_SIZE,
  DX_LEVELS,
  DX_LEVELS_LARGE,
  DX_NODE_ENTRIES_OFFSET,
  DX_ROOT_ENTRIES_OFFSET,
  DX_ROOT_INFO_OFFSET,
  FL,
  FLAG_UNSIGNED_HASH,
  HASH,
  INCOMPAT,
} from './layout.js';
import type { Volume } from './volume.js';

const STRUCTURE = 'dx_root';
const BLOCK_MASK = 0x0fffffff;

/** Entries of one node of a directory's hash tree, over the block's bytes. */
export class DxNode {
  private readonly view: DataView;

  constructor(
    readonly logical: number,
    readonly block: number,
    readonly data: Uint8Array,
    /** Byte offset of the entries: 32 in the root, 8 elsewhere. */
    readonly offset: number,
  ) {
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get limit(): number {
    return this.view.getUint16(this.offset, true);
  }
  set limit(limit: number) {
    this.view.setUint16(this.offset, limit, true);
  }
  get count(): number {
    return this.view.getUint16(this.offset + 2, true);
  }
  set count(count: number) {
    this.view.setUint16(this.offset + 2, count, true);
  }
  /** Least hash of entry `i`; the first has none and counts as 0. */
  hash(i: number): number {
    return i === 0 ? 0 : this.view.getUint32(this.offset + i * DX_ENTRY_SIZE, true);
  }
  child(i: number): number {
    return this.view.getUint32(this.offset + i * DX_ENTRY_SIZE + 4, true) & BLOCK_MASK;
  }
  setChild(i: number, logical: number): void {
    this.view.setUint32(this.offset + i * DX_ENTRY_SIZE + 4, logical, true);
  }
  /** Put an entry after entry `i`. */
  insertAfter(i: number, hash: number, logical: number): void {
    const at = this.offset + (i + 1) * DX_ENTRY_SIZE;
    this.data.copyWithin(at + DX_ENTRY_SIZE, at, this.offset + this.count * DX_ENTRY_SIZE);
    this.view.setUint32(at, hash, true);
    this.view.setUint32(at + 4, logical, true);
    this.count += 1;
  }
  /** Index of the last entry whose hash is at most `hash`. */
  search(hash: number): number {
    let lo = 1;
    let hi = this.count;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.hash(mid) <= hash) lo = mid + 1;
      else hi = mid;
    }
    return lo - 1;
  }
}

/** A step of the way from the root to a leaf: a node and the entry taken. */
export interface DxFrame {
  readonly node: DxNode;
  index: number;
}

/** How names are hashed in a directory. */
export interface DxHashing {
  readonly version: number;
  readonly fold: boolean;
}

/** Hash a name as a directory does. */
export function directoryHash(volume: Volume, hashing: DxHashing, name: Uint8Array): number {
  const folded = hashing.fold ? (foldName(name) ?? name) : name;
  return hashName(folded, hashing.version, volume.superblock.fields.hashSeed).hash;
}

/** The hashing of `version` as stored, with the signedness of the file system. */
export function hashingOf(volume: Volume, inode: Inode, stored: number): DxHashing {
  const unsigned = (volume.superblock.fields.flags & FLAG_UNSIGNED_HASH) !== 0;
  const version = stored <= HASH.TEA && unsigned ? stored + HASH.LEGACY_UNSIGNED : stored;
  if (version >= HASH.SIPHASH) {
    throw new UnsupportedFeatureError({ feature: `directory hash version ${version}`, structure: STRUCTURE });
  }
  return { version, fold: inode.has(FL.CASEFOLD) };
}

/** The root of a directory's index with what it says. */
export interface DxRoot {
  readonly node: DxNode;
  readonly hashing: DxHashing;
  /** Levels of nodes between root and leaves. */
  readonly levels: number;
}

function bad(inode: Inode, reason: string): CorruptImageError {
  return new CorruptImageError({
    structure: STRUCTURE,
    reason: `directory inode ${inode.ino}: ${reason}`,
    citation: 'ext4 Data Structures and Algorithms, Hash Tree Directories',
  });
}

/** Read the root of the index. @throws CorruptImageError, UnsupportedFeatureError when it cannot be used */
export async function readDxRoot(volume: Volume, inode: Inode): Promise<DxRoot> {
  const { blockSize } = volume.geometry;
  const { block, data } = await indexBlock(volume, inode, 0);
  if (indexEntriesOffset(data, blockSize) !== DX_ROOT_ENTRIES_OFFSET) throw bad(inode, 'block 0 is no root');
  const levels = data[DX_ROOT_INFO_OFFSET + 6]!;
  const most = volume.superblock.hasIncompat(INCOMPAT.LARGEDIR) ? DX_LEVELS_LARGE : DX_LEVELS;
  if (levels >= most) throw bad(inode, `${levels} levels of index nodes`);
  const hashing = hashingOf(volume, inode, data[DX_ROOT_INFO_OFFSET + 4]!);
  const node = new DxNode(0, block, data, DX_ROOT_ENTRIES_OFFSET);
  checkNode(volume, inode, node);
  return { node, hashing, levels };
}

/** Room for entries in the root and in other nodes. */
export function dxLimit(volume: Volume, root: boolean): number {
  const space = volume.geometry.blockSize - (root ? DX_ROOT_ENTRIES_OFFSET : DX_NODE_ENTRIES_OFFSET);
  return Math.floor((space - (volume.checksum.metadata ? DX_ENTRY_SIZE : 0)) / DX_ENTRY_SIZE);
}

function checkNode(volume: Volume, inode: Inode, node: DxNode): void {
  if (node.limit !== dxLimit(volume, node.offset === DX_ROOT_ENTRIES_OFFSET)) throw bad(inode, `limit ${node.limit}`);
  if (node.count === 0 || node.count > node.limit) throw bad(inode, `${node.count} of ${node.limit} entries`);
}

async function indexBlock(volume: Volume, inode: Inode, logical: number): Promise<{ block: number; data: Uint8Array }> {
  if (logical * volume.geometry.blockSize >= inode.size) throw bad(inode, `index points to block ${logical}`);
  const { physical } = await mapBlocks(volume, inode, logical, 1);
  if (physical === 0) throw bad(inode, `block ${logical} is a hole`);
  return { block: physical, data: await readDirectoryBlock(volume, inode, physical) };
}

/** Read an index node below the root. */
export async function readDxNode(volume: Volume, inode: Inode, logical: number): Promise<DxNode> {
  const { block, data } = await indexBlock(volume, inode, logical);
  if (indexEntriesOffset(data, volume.geometry.blockSize) !== DX_NODE_ENTRIES_OFFSET) {
    throw bad(inode, `block ${logical} is no index node`);
  }
  const node = new DxNode(logical, block, data, DX_NODE_ENTRIES_OFFSET);
  checkNode(volume, inode, node);
  return node;
}

/** The way from the root to the leaf where `hash` belongs. */
export async function dxDescend(volume: Volume, inode: Inode, root: DxRoot, hash: number): Promise<DxFrame[]> {
  const frames: DxFrame[] = [{ node: root.node, index: root.node.search(hash) }];
  const seen = new Set([0]);
  for (let level = 0; level < root.levels; level++) {
    const frame = frames.at(-1)!;
    const next = frame.node.child(frame.index);
    if (seen.has(next)) throw bad(inode, `block ${next} occurs twice on one way`);
    seen.add(next);
    const node = await readDxNode(volume, inode, next);
    frames.push({ node, index: node.search(hash) });
  }
  return frames;
}

/** Move the way to the next leaf if it may go on with the same hash (its lowest bit says so). */
async function nextLeaf(volume: Volume, inode: Inode, frames: DxFrame[], hash: number): Promise<boolean> {
  let level = frames.length - 1;
  while (frames[level]!.index + 1 >= frames[level]!.node.count) {
    if (level === 0) return false;
    level -= 1;
  }
  const frame = frames[level]!;
  frame.index += 1;
  if ((frame.node.hash(frame.index) & ~1) >>> 0 !== hash) return false;
  for (; level + 1 < frames.length; level++) {
    const above = frames[level]!;
    const node = await readDxNode(volume, inode, above.node.child(above.index));
    frames[level + 1] = { node, index: 0 };
  }
  return true;
}

/** A leaf of the index. */
export async function readDxLeaf(
  volume: Volume,
  inode: Inode,
  frames: readonly DxFrame[],
): Promise<{ logical: number; block: number; data: Uint8Array }> {
  const frame = frames.at(-1)!;
  const logical = frame.node.child(frame.index);
  return { logical, ...(await indexBlock(volume, inode, logical)) };
}

/** Find a name by the index; `unusable` when the index is damaged or of a foreign hash, so that only a linear search helps. */
export async function findByIndex(
  volume: Volume,
  inode: Inode,
  name: Uint8Array,
): Promise<FoundEntry | undefined | 'unusable'> {
  try {
    const root = await readDxRoot(volume, inode);
    if (name.length <= 2 && name.every((byte) => byte === 0x2e)) return 'unusable';
    const hash = directoryHash(volume, root.hashing, name);
    const frames = await dxDescend(volume, inode, root, hash);
    for (;;) {
      const { block, data } = await readDxLeaf(volume, inode, frames);
      const found = findInRegion(volume, inode, { block, data, start: 0, end: data.length }, name);
      if (found !== undefined) return found;
      if (!(await nextLeaf(volume, inode, frames, hash))) break;
    }
    return root.hashing.fold && mayFoldOtherwise(name) ? 'unusable' : undefined;
  } catch (error) {
    if (error instanceof UnsupportedFeatureError) return 'unusable';
    if (!(error instanceof CorruptImageError) || volume.checksum.metadata) throw error;
    volume.warn({ source: 'fs-ext', message: `index of directory inode ${inode.ino} ignored: ${error.message}` });
    return 'unusable';
  }
}

import { FsError } from '@vmcraft/core/errors';
import { mapBlocks } from './block-map.js';
import type { Change } from './change.js';
import { nameBytes } from './directory.js';
import {
  directorySeal,
  entryRules,
  leafRoom,
  putEntry,
  putTail,
  recordNeed,
  setRecordLength,
  visitEntries,
} from './directory-block.js';
import { appendBlock, hasRoom, type NewEntry, putInBlock } from './directory-block-edit.js';
import {
  type DxFrame,
  type DxHashing,
  DxNode,
  directoryHash,
  dxDescend,
  dxLimit,
  hashingOf,
  readDxLeaf,
  readDxRoot,
} from './htree.js';
import type { Inode } from './inode.js';
import {
  DX_LEVELS,
  DX_LEVELS_LARGE,
  DX_NODE_ENTRIES_OFFSET,
  DX_ROOT_ENTRIES_OFFSET,
  DX_ROOT_INFO_OFFSET,
  FL,
  HASH,
  INCOMPAT,
} from './layout.js';

interface Hashed extends NewEntry {
  readonly hash: number;
}

/** Used entries of a leaf with their hashes; `skipDots` leaves out what block 0 begins with. */
function hashedEntries(change: Change, hashing: DxHashing, data: Uint8Array, from: number): Hashed[] {
  const out: Hashed[] = [];
  visitEntries(data, from, leafRoom(change.volume), entryRules(change.volume), (entry) => {
    if (entry.ino === 0) return undefined;
    const name = nameBytes(data, entry).slice();
    out.push({ ino: entry.ino, fileType: entry.fileType, name, hash: directoryHash(change.volume, hashing, name) });
    return undefined;
  });
  return out;
}

/** Fill a leaf with these entries and nothing else. */
function fillLeaf(change: Change, data: Uint8Array, entries: readonly NewEntry[]): void {
  const { volume } = change;
  const { blockSize } = volume.geometry;
  const room = leafRoom(volume);
  data.fill(0);
  if (entries.length === 0) setRecordLength(data, 0, room, blockSize);
  let at = 0;
  for (const [i, entry] of entries.entries()) {
    const recordLength = i === entries.length - 1 ? room - at : recordNeed(entry.name.length);
    putEntry(data, at, { ...entry, recordLength }, blockSize);
    at += recordLength;
  }
  putTail(volume, data);
}

/** Turn a directory of one block into an indexed one: its entries move to a second block, the first becomes the root. */
export async function makeIndexed(change: Change, dir: Inode): Promise<void> {
  const { volume } = change;
  const { blockSize } = volume.geometry;
  const { physical } = await mapBlocks(volume, dir, 0, 1);
  const root = await volume.store.modify(physical, directorySeal(volume, dir));
  const stored = volume.superblock.fields.defaultHashVersion;
  const version = stored <= HASH.TEA ? stored : HASH.HALF_MD4;
  const dotdot = 12 + 12;
  const entries: NewEntry[] = [];
  visitEntries(root, 0, leafRoom(volume), entryRules(volume), (entry) => {
    const isDots = entry.at === 0 || entry.at === 12;
    if (entry.ino !== 0 && !isDots) {
      entries.push({ ino: entry.ino, fileType: entry.fileType, name: nameBytes(root, entry).slice() });
    }
    return undefined;
  });
  const leaf = await appendBlock(change, dir);
  fillLeaf(change, leaf.data, entries);
  root.fill(0, dotdot);
  setRecordLength(root, 0, 12, blockSize);
  setRecordLength(root, 12, blockSize - 12, blockSize);
  root[DX_ROOT_INFO_OFFSET + 4] = version;
  root[DX_ROOT_INFO_OFFSET + 5] = 8;
  const node = new DxNode(0, physical, root, DX_ROOT_ENTRIES_OFFSET);
  node.limit = dxLimit(volume, true);
  node.count = 1;
  node.setChild(0, leaf.logical);
  dir.flags |= FL.INDEX;
  hashingOf(volume, dir, version);
}

/** Add an entry to an indexed directory, splitting leaf and index nodes as needed. @throws FsError ENOSPC when the index is full */
export async function addToIndex(change: Change, dir: Inode, entry: NewEntry): Promise<void> {
  const { volume } = change;
  for (;;) {
    const root = await readDxRoot(volume, dir);
    const hash = directoryHash(volume, root.hashing, entry.name);
    const frames = await dxDescend(volume, dir, root, hash);
    const leaf = await readDxLeaf(volume, dir, frames);
    const room = leafRoom(volume);
    if (hasRoom(change, leaf.data, room, entry.name.length)) {
      const own = await volume.store.modify(leaf.block, directorySeal(volume, dir));
      putInBlock(change, own, 0, room, entry);
      return;
    }
    const parent = frames.at(-1)!.node;
    if (parent.count < parent.limit) {
      await splitLeaf(change, dir, root.hashing, frames, leaf, { ...entry, hash });
      return;
    }
    await splitIndex(change, dir, frames);
  }
}

/** Split a full leaf by hash, about in the middle of its bytes, and put the new entry into the right half. */
async function splitLeaf(
  change: Change,
  dir: Inode,
  hashing: DxHashing,
  frames: readonly DxFrame[],
  leaf: { block: number; data: Uint8Array },
  entry: Hashed,
): Promise<void> {
  const { volume } = change;
  const entries = hashedEntries(change, hashing, leaf.data, 0).sort((a, b) => a.hash - b.hash);
  const split = splitPoint(entries, volume.geometry.blockSize);
  const boundary = entries[split]!.hash;
  const continued = boundary === entries[split - 1]!.hash ? 1 : 0;
  const upper = await appendBlock(change, dir);
  const lower = await volume.store.modify(leaf.block, directorySeal(volume, dir));
  fillLeaf(change, lower, entries.slice(0, split));
  fillLeaf(change, upper.data, entries.slice(split));
  const frame = frames.at(-1)!;
  const node = await ownNode(change, dir, frame.node);
  node.insertAfter(frame.index, boundary + continued, upper.logical);
  const target = entry.hash >= boundary ? upper.data : lower;
  if (putInBlock(change, target, 0, leafRoom(volume), entry)) return;
  throw new FsError('ENOSPC', { operation: 'create', reason: 'a directory block could not be split' });
}

/** First entry of the upper half: about half of the bytes stay below, and at least one entry on each side. */
function splitPoint(entries: readonly Hashed[], blockSize: number): number {
  let size = 0;
  let moved = 0;
  for (let i = entries.length - 1; i > 0; i--) {
    const need = recordNeed(entries[i]!.name.length);
    if (size + need / 2 > blockSize / 2) break;
    size += need;
    moved += 1;
  }
  return Math.min(Math.max(entries.length - moved, 1), entries.length - 1);
}

async function ownNode(change: Change, dir: Inode, node: DxNode): Promise<DxNode> {
  const data = await change.volume.store.modify(node.block, directorySeal(change.volume, dir));
  return new DxNode(node.logical, node.block, data, node.offset);
}

/** Make room in the index nodes of a way: split the lowest one whose parent has room, or add a level under the root. */
async function splitIndex(change: Change, dir: Inode, frames: readonly DxFrame[]): Promise<void> {
  let level = frames.length - 1;
  while (level > 0 && frames[level - 1]!.node.count >= frames[level - 1]!.node.limit) level -= 1;
  if (level === 0) return growIndex(change, dir, frames);
  const { node } = frames[level]!;
  const above = frames[level - 1]!;
  const fresh = await newNode(change, dir);
  const own = await ownNode(change, dir, node);
  const parent = await ownNode(change, dir, above.node);
  const keep = own.count >> 1;
  const boundary = own.hash(keep);
  copyEntries(own, keep, fresh);
  own.count = keep;
  parent.insertAfter(above.index, boundary, fresh.logical);
}

async function growIndex(change: Change, dir: Inode, frames: readonly DxFrame[]): Promise<void> {
  const { superblock } = change.volume;
  const most = superblock.hasIncompat(INCOMPAT.LARGEDIR) ? DX_LEVELS_LARGE : DX_LEVELS;
  if (frames.length >= most)
    throw new FsError('ENOSPC', { operation: 'create', reason: 'the directory index is full' });
  const fresh = await newNode(change, dir);
  const root = await ownNode(change, dir, frames[0]!.node);
  copyEntries(root, 0, fresh);
  root.count = 1;
  root.setChild(0, fresh.logical);
  root.data[DX_ROOT_INFO_OFFSET + 6] = frames.length;
}

async function newNode(change: Change, dir: Inode): Promise<DxNode> {
  const { volume } = change;
  const { logical, block, data } = await appendBlock(change, dir);
  setRecordLength(data, 0, volume.geometry.blockSize, volume.geometry.blockSize);
  const node = new DxNode(logical, block, data, DX_NODE_ENTRIES_OFFSET);
  node.limit = dxLimit(volume, false);
  return node;
}

/** Copy entries from `keep` on into a new node, whose first one has no hash. */
function copyEntries(from: DxNode, keep: number, to: DxNode): void {
  const bytes = from.data.subarray(from.offset + keep * 8, from.offset + from.count * 8);
  const { limit } = to;
  to.data.set(bytes, to.offset);
  to.limit = limit;
  to.count = from.count - keep;
}

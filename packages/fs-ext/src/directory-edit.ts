import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import type { Change } from './change.js';
import { directoryBlocks, type FoundEntry, nameBytes } from './directory.js';
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
import { addToIndex, makeIndexed } from './htree-edit.js';
import { addInline, changeInline, removeInline } from './inline-directory-edit.js';
import type { Inode } from './inode.js';
import { FL } from './layout.js';

/** Add a name that is not there yet. The directory must be one to change. @throws FsError ENOSPC, EFBIG */
export async function addEntry(change: Change, dir: Inode, entry: NewEntry): Promise<void> {
  const { volume } = change;
  if (dir.has(FL.INLINE_DATA)) {
    if (await addInline(change, dir, entry)) return;
  }
  if (dir.has(FL.INDEX)) {
    if (volume.hasIndex) return addToIndex(change, dir, entry);
    dropIndex(change, dir);
  }
  const room = leafRoom(volume);
  let blocks = 0;
  for await (const { block, data } of directoryBlocks(volume, dir)) {
    blocks += 1;
    if (!hasRoom(change, data, room, entry.name.length)) continue;
    const own = await volume.store.modify(block, directorySeal(volume, dir));
    putInBlock(change, own, 0, room, entry);
    return;
  }
  if (blocks === 1 && volume.hasIndex) {
    await makeIndexed(change, dir);
    return addToIndex(change, dir, entry);
  }
  const { data } = await appendBlock(change, dir);
  putEntry(data, 0, { ...entry, recordLength: room }, volume.geometry.blockSize);
  putTail(volume, data);
}

/** Without dir_index an index that a change would leave behind is dropped: its blocks read as empty ones. */
function dropIndex(change: Change, dir: Inode): void {
  if (change.volume.checksum.metadata) {
    const reason = `directory inode ${dir.ino} has an index, the file system has not`;
    throw new CorruptImageError({ structure: 'ext4_inode', field: 'i_flags', reason });
  }
  dir.flags &= ~FL.INDEX;
}

/** Remove a found entry: the one before it takes its room. */
export async function removeEntry(change: Change, dir: Inode, found: FoundEntry): Promise<void> {
  const { volume } = change;
  if (found.block === 0) return removeInline(change, dir, found);
  const data = await volume.store.modify(found.block, directorySeal(volume, dir));
  removeFromRegion(change, data, found.regionStart, found);
}

/** Remove an entry from the chain that begins at `start`. */
export function removeFromRegion(change: Change, data: Uint8Array, start: number, found: FoundEntry): void {
  const { blockSize } = change.volume.geometry;
  let before: { at: number; recordLength: number } | undefined;
  const end = found.at + found.recordLength;
  visitEntries(data, start, end, entryRules(change.volume), (entry) => {
    if (entry.at === found.at) return true;
    before = entry;
    return undefined;
  });
  data.fill(0, found.at, found.at + 4);
  if (before !== undefined) {
    data.fill(0, found.at, found.at + recordNeed(found.nameLength));
    setRecordLength(data, before.at, before.recordLength + found.recordLength, blockSize);
  }
}

/** Make a found entry lead to another inode. */
export async function changeEntry(
  change: Change,
  dir: Inode,
  found: FoundEntry,
  to: { ino: number; fileType: number },
): Promise<void> {
  const { volume } = change;
  if (found.block === 0) return changeInline(dir, found, to);
  const data = await volume.store.modify(found.block, directorySeal(volume, dir));
  setTarget(data, found.at, to);
}

/** Write an entry's inode number and type. */
export function setTarget(data: Uint8Array, at: number, to: { ino: number; fileType: number }): void {
  new DataView(data.buffer, data.byteOffset, data.byteLength).setUint32(at, to.ino, true);
  data[at + 7] = to.fileType;
}

/** Give a new directory its first block with `.` and `..`. */
export async function makeDots(change: Change, dir: Inode, parent: number, fileType: number): Promise<void> {
  const { volume } = change;
  const { blockSize } = volume.geometry;
  const { data } = await appendBlock(change, dir);
  putEntry(data, 0, { ino: dir.ino, recordLength: 12, name: DOT, fileType }, blockSize);
  putEntry(data, 12, { ino: parent, recordLength: leafRoom(volume) - 12, name: DOTDOT, fileType }, blockSize);
  putTail(volume, data);
}

export const DOT = Uint8Array.of(0x2e);
export const DOTDOT = Uint8Array.of(0x2e, 0x2e);

/** The first block of a directory, where `.` and `..` are. */
async function firstBlock(change: Change, dir: Inode): Promise<{ block: number; data: Uint8Array }> {
  for await (const first of directoryBlocks(change.volume, dir)) {
    const { data } = first;
    const isDots = data[6] === 1 && data[8] === 0x2e && data[12 + 6] === 2 && data[20] === 0x2e && data[21] === 0x2e;
    if (first.logical === 0 && isDots) return first;
    break;
  }
  const reason = `directory inode ${dir.ino} does not begin with . and ..`;
  throw new CorruptImageError({ structure: 'ext4_dir_entry_2', reason });
}

/** The parent that a directory names. */
export async function parentOf(change: Change, dir: Inode): Promise<number> {
  if (dir.has(FL.INLINE_DATA)) return dir.view.getUint32(0x28, true);
  const { data } = await firstBlock(change, dir);
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(12, true);
}

/** Let a moved directory name its new parent. The directory must be one to change. */
export async function setParent(change: Change, dir: Inode, parent: number): Promise<void> {
  if (dir.has(FL.INLINE_DATA)) {
    dir.view.setUint32(0x28, parent, true);
    return;
  }
  const { block, data } = await firstBlock(change, dir);
  const own = await change.volume.store.modify(block, directorySeal(change.volume, dir));
  setTarget(own, 12, { ino: parent, fileType: data[12 + 7]! });
}

/** Whether a directory has no names. */
export async function isEmptyDirectory(each: (visit: () => boolean) => Promise<boolean>): Promise<boolean> {
  return !(await each(() => true));
}

/** Refuse a name that cannot be kept. @throws FsError ENAMETOOLONG, EINVAL */
export function checkName(name: Uint8Array, operation: string): void {
  if (name.length > 255) throw new FsError('ENAMETOOLONG', { operation });
  const bad = name.length === 0 || name.includes(0) || name.includes(0x2f);
  const dots = name.length <= 2 && name.every((byte) => byte === 0x2e);
  if (bad || dots) throw new FsError('EINVAL', { operation, reason: 'not a file name' });
}

/** A copy of an entry's name. */
export function copyName(data: Uint8Array, entry: FoundEntry): Uint8Array {
  return nameBytes(data, entry).slice();
}

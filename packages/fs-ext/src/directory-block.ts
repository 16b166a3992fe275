import { CorruptImageError } from '@vmcraft/core/errors';
import type { Seal } from './block-store.js';
import type { Inode } from './inode.js';
import {
  DIR_ENTRY_HEADER,
  DIR_TAIL_SIZE,
  DIR_TAIL_TYPE,
  DX_ENTRY_SIZE,
  DX_NODE_ENTRIES_OFFSET,
  DX_ROOT_ENTRIES_OFFSET,
  DX_ROOT_INFO_OFFSET,
  FL,
} from './layout.js';
import type { Volume } from './volume.js';

const STRUCTURE = 'ext4_dir_entry_2';
const CITATION = 'ext4 Data Structures and Algorithms, Directory Entries';

/** Bytes an entry with a name of `length` bytes needs. */
export function recordNeed(length: number): number {
  return (DIR_ENTRY_HEADER + length + 3) & ~3;
}

/** `rec_len` as bytes: in blocks of 64 KiB its lowest bits stand for the highest ones. */
export function decodeRecordLength(stored: number, blockSize: number): number {
  if (blockSize < 65536) return stored;
  if (stored === 65535 || stored === 0) return blockSize;
  return (stored & 65532) | ((stored & 3) << 16);
}

/** The inverse of {@link decodeRecordLength}. */
export function encodeRecordLength(length: number, blockSize: number): number {
  if (length < 65536) return length;
  return length === blockSize ? 65535 : (length & 65532) | ((length >> 16) & 3);
}

/** One entry within a block (or an inline directory's region). Positions are bytes. */
export interface RawEntry {
  readonly at: number;
  readonly recordLength: number;
  readonly ino: number;
  readonly nameLength: number;
  /** 0 without the filetype feature. */
  readonly fileType: number;
}

/** What entries are checked against. */
export interface EntryRules {
  readonly blockSize: number;
  readonly inodesCount: number;
  /** filetype feature; without it the byte is the upper half of the name's length. */
  readonly hasType: boolean;
}

/** The rules of a file system. */
export function entryRules(volume: Volume): EntryRules {
  return {
    blockSize: volume.geometry.blockSize,
    inodesCount: volume.geometry.inodesCount,
    hasType: volume.hasType,
  };
}

/**
 * Call `visit` with every entry of [from, to), used or not, until it returns true.
 * @returns whether it did
 * @throws CorruptImageError when a record leaves the range or its name does not fit
 */
export function visitEntries(
  data: Uint8Array,
  from: number,
  to: number,
  rules: EntryRules,
  visit: (entry: RawEntry) => boolean | undefined,
): boolean {
  for (let at = from; at < to; ) {
    if (at + DIR_ENTRY_HEADER > to) throw badEntry(at, 'no room for an entry');
    const recordLength = decodeRecordLength(data[at + 4]! | (data[at + 5]! << 8), rules.blockSize);
    const ino = (data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)) >>> 0;
    const nameLength = data[at + 6]!;
    if (recordLength < recordNeed(nameLength) && !(ino === 0 && recordLength >= DIR_ENTRY_HEADER)) {
      throw badEntry(at, `record of ${recordLength} bytes with a name of ${nameLength}`);
    }
    if (recordLength % 4 !== 0 || at + recordLength > to) throw badEntry(at, `record of ${recordLength} bytes`);
    if (ino > rules.inodesCount) throw badEntry(at, `inode ${ino} of ${rules.inodesCount}`);
    const fileType = rules.hasType ? data[at + 7]! : 0;
    if (visit({ at, recordLength, ino, nameLength, fileType }) === true) return true;
    at += recordLength;
  }
  return false;
}

function badEntry(at: number, reason: string): CorruptImageError {
  return new CorruptImageError({
    structure: STRUCTURE,
    reason: `${reason}, at byte ${at} of its block`,
    citation: CITATION,
  });
}

/** Write one entry's fields and name; `recordLength` in bytes. */
export function putEntry(
  data: Uint8Array,
  at: number,
  entry: { ino: number; recordLength: number; name: Uint8Array; fileType: number },
  blockSize: number,
): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  view.setUint32(at, entry.ino, true);
  view.setUint16(at + 4, encodeRecordLength(entry.recordLength, blockSize), true);
  data[at + 6] = entry.name.length;
  data[at + 7] = entry.fileType;
  data.set(entry.name, at + DIR_ENTRY_HEADER);
}

/** Change an entry's record length. */
export function setRecordLength(data: Uint8Array, at: number, length: number, blockSize: number): void {
  const stored = encodeRecordLength(length, blockSize);
  data[at + 4] = stored & 0xff;
  data[at + 5] = stored >> 8;
}

/** Bytes of a leaf block that entries may fill: all but the checksum's tail. */
export function leafRoom(volume: Volume): number {
  return volume.geometry.blockSize - (volume.checksum.metadata ? DIR_TAIL_SIZE : 0);
}

/** Put an empty checksum tail at the end of a leaf block, with metadata_csum. */
export function putTail(volume: Volume, data: Uint8Array): void {
  if (!volume.checksum.metadata) return;
  const at = data.length - DIR_TAIL_SIZE;
  data.fill(0, at);
  data[at + 4] = DIR_TAIL_SIZE;
  data[at + 7] = DIR_TAIL_TYPE;
}

/** Where the entries of a hash tree block begin, or undefined for a leaf. */
export function indexEntriesOffset(data: Uint8Array, blockSize: number): number | undefined {
  const first = decodeRecordLength(data[4]! | (data[5]! << 8), blockSize);
  const ino = data[0]! | data[1]! | data[2]! | data[3]!;
  if (first === blockSize && ino === 0 && data[6] === 0) return DX_NODE_ENTRIES_OFFSET;
  if (first !== 12) return undefined;
  const second = decodeRecordLength(data[16]! | (data[17]! << 8), blockSize);
  if (second !== blockSize - 12) return undefined;
  const info = data.subarray(DX_ROOT_INFO_OFFSET, DX_ROOT_ENTRIES_OFFSET);
  if (info[0]! | info[1]! | info[2]! | info[3]! || info[5] !== 8) return undefined;
  return DX_ROOT_ENTRIES_OFFSET;
}

/** Checksum of a directory block: what is stored, what it should be, and where. Undefined where the place is missing. */
interface DirChecksum {
  readonly expected: number;
  readonly found: number;
  readonly at: number;
}

function leafChecksum(volume: Volume, seed: number, data: Uint8Array): DirChecksum | undefined {
  const tail = data.length - DIR_TAIL_SIZE;
  const isTail = data[tail + 4] === DIR_TAIL_SIZE && data[tail + 5] === 0 && data[tail + 7] === DIR_TAIL_TYPE;
  if (!isTail || (data[tail]! | data[tail + 1]! | data[tail + 2]! | data[tail + 3]!) !== 0) return undefined;
  return checksumAt(volume.checksum.ofInode(seed, data, tail), data, tail + 8);
}

function indexChecksum(volume: Volume, seed: number, data: Uint8Array, entries: number): DirChecksum | undefined {
  const limit = data[entries]! | (data[entries + 1]! << 8);
  const count = data[entries + 2]! | (data[entries + 3]! << 8);
  const tail = entries + limit * DX_ENTRY_SIZE;
  if (count > limit || tail + 8 > data.length) return undefined;
  return checksumAt(volume.checksum.indexBlock(seed, data, entries + count * DX_ENTRY_SIZE, tail), data, tail + 4);
}

function checksumAt(expected: number, data: Uint8Array, at: number): DirChecksum {
  return { expected, at, found: new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(at, true) };
}

function checksumOf(volume: Volume, inode: Inode, seed: number, data: Uint8Array): DirChecksum | undefined {
  const entries = inode.has(FL.INDEX) ? indexEntriesOffset(data, volume.geometry.blockSize) : undefined;
  return entries === undefined ? leafChecksum(volume, seed, data) : indexChecksum(volume, seed, data, entries);
}

/** Verify a directory block's checksum. @throws CorruptImageError */
export function verifyDirectoryBlock(volume: Volume, inode: Inode, block: number, data: Uint8Array): void {
  if (!volume.checksum.metadata) return;
  const seed = volume.checksum.inodeSeed(inode.ino, inode.generation);
  const sum = checksumOf(volume, inode, seed, data);
  if (sum !== undefined && sum.expected === sum.found) return;
  const offset = block * volume.geometry.blockSize;
  throw new CorruptImageError({
    structure: `directory block of inode ${inode.ino}`,
    field: 'checksum',
    offset: sum === undefined ? offset : offset + sum.at,
    ...(sum === undefined ? { reason: 'no room for a checksum' } : { expected: sum.expected, found: sum.found }),
    citation: 'ext4 Data Structures and Algorithms, Checksums',
  });
}

/** The seal of any block of directory `inode`, leaf or hash tree. */
export function directorySeal(volume: Volume, inode: Inode): Seal | undefined {
  if (!volume.checksum.metadata) return undefined;
  const seed = volume.checksum.inodeSeed(inode.ino, inode.generation);
  return (data) => {
    // An index block may still have the tail of the leaf it was made from; no leaf with a tail looks like an index block.
    const entries = indexEntriesOffset(data, volume.geometry.blockSize);
    const sum = entries === undefined ? leafChecksum(volume, seed, data) : indexChecksum(volume, seed, data, entries);
    if (sum !== undefined) {
      new DataView(data.buffer, data.byteOffset, data.byteLength).setUint32(sum.at, sum.expected, true);
    }
  };
}

import { compareBytes } from '@vmcraft/core/binary';
import type { FileType } from '@vmcraft/core/contracts';
import { FsError, LimitExceededError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { mapBlocks } from './block-map.js';
import { sameFolded } from './casefold.js';
import { entryRules, type RawEntry, verifyDirectoryBlock, visitEntries } from './directory-block.js';
import { inlineDirectory } from './inline-data.js';
import type { Inode } from './inode.js';
import { DIR_ENTRY_HEADER, DIR_TYPE, FL } from './layout.js';
import { VERIFIED, type Volume, verifiedKey } from './volume.js';

/** A block of a directory. */
export interface DirectoryBlock {
  readonly logical: number;
  /** Block on the device. */
  readonly block: number;
  readonly data: Uint8Array;
}

/** A name found in a directory, and where. */
export interface FoundEntry extends RawEntry {
  /** Block on the device; 0 when the directory is inline. */
  readonly block: number;
  /** Start of the region entries are chained in: 0 for a block, an offset into the inline data otherwise. */
  readonly regionStart: number;
}

/** Letter of each `file_type`. */
export const TYPE_LETTERS: Readonly<Record<number, FileType>> = {
  [DIR_TYPE.FILE]: 'r',
  [DIR_TYPE.DIR]: 'd',
  [DIR_TYPE.CHAR]: 'c',
  [DIR_TYPE.BLOCK]: 'b',
  [DIR_TYPE.FIFO]: 'f',
  [DIR_TYPE.SOCKET]: 's',
  [DIR_TYPE.LINK]: 'l',
};

/** Refuse what is not a directory, or is one whose names are encrypted. @throws FsError ENOTDIR, UnsupportedFeatureError */
export function requireDirectory(inode: Inode, operation: string): void {
  if (!inode.isDirectory) throw new FsError('ENOTDIR', { operation, path: `inode ${inode.ino}` });
  if (inode.has(FL.ENCRYPT)) {
    throw new UnsupportedFeatureError({
      feature: `names of encrypted directory (inode ${inode.ino})`,
      structure: 'ext4 encrypt',
      workaround: 'its key is needed, which VMCraft does not take',
    });
  }
}

/** A directory block's bytes, verified. @throws CorruptImageError */
export async function readDirectoryBlock(volume: Volume, inode: Inode, block: number): Promise<Uint8Array> {
  const { store } = volume;
  const data = store.peek(block) ?? (await store.read(block));
  const key = verifiedKey(inode.ino, VERIFIED.DIRECTORY);
  if (!store.isVerified(block, key)) {
    verifyDirectoryBlock(volume, inode, block, data);
    store.setVerified(block, key);
  }
  return data;
}

/** All blocks of a directory in order; holes are left out with a warning. */
export async function* directoryBlocks(volume: Volume, inode: Inode): AsyncGenerator<DirectoryBlock> {
  const { blockSize } = volume.geometry;
  const end = Math.ceil(inode.size / blockSize);
  if (end > volume.limits.maxDirEntries) {
    const limit = `blocks of directory inode ${inode.ino}`;
    throw new LimitExceededError({
      limit,
      value: end,
      max: volume.limits.maxDirEntries,
      option: 'limits.maxDirEntries',
    });
  }
  for (let logical = 0; logical < end; ) {
    const run = await mapBlocks(volume, inode, logical, end - logical);
    if (run.physical === 0) {
      volume.warn({ source: 'fs-ext', message: `directory inode ${inode.ino} has a hole at block ${logical}` });
    }
    for (let i = 0; run.physical !== 0 && i < run.length; i++) {
      const block = run.physical + i;
      yield { logical: logical + i, block, data: await readDirectoryBlock(volume, inode, block) };
    }
    logical += run.length;
  }
}

/** A region of chained entries, in a block or inline. */
export interface Region {
  readonly block: number;
  readonly data: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** The regions of a directory in order, block by block or inline. */
export async function* regions(volume: Volume, inode: Inode): AsyncGenerator<Region> {
  if (inode.has(FL.INLINE_DATA)) {
    const inline = inlineDirectory(inode);
    for (const [start, end] of inline.regions) yield { block: 0, data: inline.data, start, end };
    return;
  }
  for await (const { block, data } of directoryBlocks(volume, inode)) yield { block, data, start: 0, end: data.length };
}

/** One used entry, its name still in the directory's bytes. */
export type EntryVisitor = (
  entry: RawEntry,
  data: Uint8Array,
  region: { block: number; start: number },
) => boolean | undefined;

/** Visit every used entry but `.` and `..`, block by block. @returns whether `visit` ended it */
export async function eachEntry(volume: Volume, inode: Inode, visit: EntryVisitor): Promise<boolean> {
  const rules = entryRules(volume);
  for await (const region of regions(volume, inode)) {
    const done = visitEntries(region.data, region.start, region.end, rules, (entry) =>
      entry.ino === 0 || isDots(region.data, entry) ? undefined : visit(entry, region.data, region),
    );
    if (done) return true;
  }
  return false;
}

/** The used entries of a directory but `.` and `..`, in batches of a block. */
export async function* entryBatches(
  volume: Volume,
  inode: Inode,
): AsyncGenerator<{ entries: RawEntry[]; data: Uint8Array }> {
  const rules = entryRules(volume);
  let count = 0;
  for await (const { data, start, end } of regions(volume, inode)) {
    const entries: RawEntry[] = [];
    visitEntries(data, start, end, rules, (entry) => {
      if (entry.ino !== 0 && !isDots(data, entry)) entries.push(entry);
      return undefined;
    });
    count += entries.length;
    if (count > volume.limits.maxDirEntries) {
      const limit = `entries of directory inode ${inode.ino}`;
      throw new LimitExceededError({
        limit,
        value: count,
        max: volume.limits.maxDirEntries,
        option: 'limits.maxDirEntries',
      });
    }
    yield { entries, data };
  }
}

function isDots(data: Uint8Array, entry: RawEntry): boolean {
  const name = entry.at + DIR_ENTRY_HEADER;
  if (entry.nameLength === 1) return data[name] === 0x2e;
  return entry.nameLength === 2 && data[name] === 0x2e && data[name + 1] === 0x2e;
}

/** The bytes of an entry's name. */
export function nameBytes(data: Uint8Array, entry: RawEntry): Uint8Array {
  return data.subarray(entry.at + DIR_ENTRY_HEADER, entry.at + DIR_ENTRY_HEADER + entry.nameLength);
}

/** Whether an entry has a name, by the directory's own rules (casefold). */
export function nameMatches(inode: Inode, wanted: Uint8Array, found: Uint8Array): boolean {
  if (compareBytes(wanted, found) === 0) return true;
  return inode.has(FL.CASEFOLD) && sameFolded(wanted, found);
}

/** Find an entry in one block or region. */
export function findInRegion(
  volume: Volume,
  inode: Inode,
  region: { block: number; data: Uint8Array; start: number; end: number },
  name: Uint8Array,
): FoundEntry | undefined {
  let found: FoundEntry | undefined;
  const fold = inode.has(FL.CASEFOLD);
  const { data } = region;
  visitEntries(data, region.start, region.end, entryRules(volume), (entry) => {
    if (entry.ino === 0 || (!fold && entry.nameLength !== name.length)) return undefined;
    if (!nameMatches(inode, name, nameBytes(data, entry))) return undefined;
    found = { ...entry, block: region.block, regionStart: region.start };
    return true;
  });
  return found;
}

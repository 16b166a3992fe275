import { BlockMapEditor } from './block-map-edit.js';
import type { Change } from './change.js';
import { directorySeal, entryRules, putEntry, recordNeed, setRecordLength, visitEntries } from './directory-block.js';
import type { Inode } from './inode.js';

/** What an entry says. */
export interface NewEntry {
  readonly ino: number;
  readonly name: Uint8Array;
  /** 0 without the filetype feature. */
  readonly fileType: number;
}

/** Append an empty block to a directory and grow its size. @returns the block with a zeroed buffer */
export async function appendBlock(
  change: Change,
  dir: Inode,
): Promise<{ logical: number; block: number; data: Uint8Array }> {
  const { volume } = change;
  const { blockSize } = volume.geometry;
  const logical = Math.ceil(dir.size / blockSize);
  const map = new BlockMapEditor(change, dir);
  const run = await map.fill(logical, 1, await map.goalFor(logical), false);
  dir.size = (logical + 1) * blockSize;
  return { logical, block: run.physical, data: volume.store.fresh(run.physical, directorySeal(volume, dir)) };
}

/** Put an entry into a block if there is room. @returns whether there was */
export function putInBlock(change: Change, data: Uint8Array, start: number, end: number, entry: NewEntry): boolean {
  const { volume } = change;
  const { blockSize } = volume.geometry;
  const need = recordNeed(entry.name.length);
  return visitEntries(data, start, end, entryRules(volume), ({ at, recordLength, ino, nameLength }) => {
    const used = ino === 0 ? 0 : recordNeed(nameLength);
    if (recordLength - used < need) return undefined;
    if (used > 0) setRecordLength(data, at, used, blockSize);
    putEntry(data, at + used, { ...entry, recordLength: recordLength - used }, blockSize);
    return true;
  });
}

/** Whether a block has room for a name. */
export function hasRoom(change: Change, data: Uint8Array, end: number, length: number): boolean {
  const need = recordNeed(length);
  return visitEntries(data, 0, end, entryRules(change.volume), ({ recordLength, ino, nameLength }) =>
    recordLength - (ino === 0 ? 0 : recordNeed(nameLength)) >= need ? true : undefined,
  );
}

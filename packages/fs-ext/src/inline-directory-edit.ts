import { BlockMapEditor } from './block-map-edit.js';
import type { Change } from './change.js';
import type { FoundEntry } from './directory.js';
import { directorySeal, entryRules, leafRoom, putEntry, putTail, recordNeed, visitEntries } from './directory-block.js';
import type { NewEntry } from './directory-block-edit.js';
import { INLINE_DOTDOT_SIZE, inlineDirectory } from './inline-data.js';
import { dropInline, storeInline } from './inline-write.js';
import type { Inode } from './inode.js';
import { DIR_TYPE, I_BLOCK_SIZE } from './layout.js';
import { inodeXattrArea } from './xattr-inode.js';

/** Used entries of an inline directory. */
function entriesOf(change: Change, dir: Inode): { parent: number; entries: NewEntry[]; at: number[] } {
  const { data, parent, regions } = inlineDirectory(dir);
  const entries: NewEntry[] = [];
  const at: number[] = [];
  for (const [start, end] of regions) {
    visitEntries(data, start, end, entryRules(change.volume), (e) => {
      if (e.ino !== 0) {
        entries.push({ ino: e.ino, fileType: e.fileType, name: data.slice(e.at + 8, e.at + 8 + e.nameLength) });
        at.push(e.at);
      }
      return undefined;
    });
  }
  return { parent, entries, at };
}

/** Lay entries out in the inode. @returns false, with nothing changed, when they do not fit */
function store(change: Change, dir: Inode, parent: number, entries: readonly NewEntry[]): boolean {
  const { blockSize } = change.volume.geometry;
  const most = I_BLOCK_SIZE + (inodeXattrArea(dir)?.end ?? 0);
  const data = new Uint8Array(most);
  new DataView(data.buffer).setUint32(0, parent, true);
  let next = 0;
  const fill = (start: number, end: number): number => {
    let at = start;
    let last = -1;
    for (; next < entries.length; next++) {
      const need = recordNeed(entries[next]!.name.length);
      if (at + need > end) break;
      putEntry(data, at, { ...entries[next]!, recordLength: need }, blockSize);
      last = at;
      at += need;
    }
    return last;
  };
  const close = (last: number, start: number, end: number): void => {
    const at = last < 0 ? start : last;
    const length = end - at;
    data[at + 4] = length & 0xff;
    data[at + 5] = length >> 8;
  };
  close(fill(INLINE_DOTDOT_SIZE, I_BLOCK_SIZE), INLINE_DOTDOT_SIZE, I_BLOCK_SIZE);
  let end = I_BLOCK_SIZE;
  if (next < entries.length) {
    const rest = entries.slice(next).reduce((sum, e) => sum + recordNeed(e.name.length), 0);
    if (I_BLOCK_SIZE + rest > most) return false;
    end = I_BLOCK_SIZE + rest;
    close(fill(I_BLOCK_SIZE, end), I_BLOCK_SIZE, end);
  }
  if (!storeInline(change, dir, data.subarray(0, end))) return false;
  dir.size = end;
  return true;
}

/** Add an entry to an inline directory. @returns false when it had to be given a block, where the entry is still to go */
export async function addInline(change: Change, dir: Inode, entry: NewEntry): Promise<boolean> {
  const { parent, entries } = entriesOf(change, dir);
  if (store(change, dir, parent, [...entries, entry])) return true;
  await unpackDirectory(change, dir, parent, entries);
  return false;
}

/** Remove an entry from an inline directory. */
export function removeInline(change: Change, dir: Inode, found: FoundEntry): void {
  const { parent, entries, at } = entriesOf(change, dir);
  store(
    change,
    dir,
    parent,
    entries.filter((_, i) => at[i] !== found.at),
  );
}

/** Make an entry of an inline directory lead to another inode. */
export function changeInline(dir: Inode, found: FoundEntry, to: { ino: number; fileType: number }): void {
  const region = found.at < I_BLOCK_SIZE ? dir.block : inlineRest(dir);
  const at = found.at < I_BLOCK_SIZE ? found.at : found.at - I_BLOCK_SIZE;
  new DataView(region.buffer, region.byteOffset, region.byteLength).setUint32(at, to.ino, true);
  region[at + 7] = to.fileType;
}

/** The bytes in the inode that hold the rest of its inline data. */
function inlineRest(dir: Inode): Uint8Array {
  const area = inodeXattrArea(dir)!;
  const { view } = dir;
  for (let at = area.entries; view.getUint32(at, true) !== 0; ) {
    const length = view.getUint8(at);
    const isData = view.getUint8(at + 1) === 7 && length === 4 && view.getUint32(at + 16, true) === 0x61746164;
    if (isData) return dir.raw.subarray(area.base + view.getUint16(at + 2, true));
    at += (16 + length + 3) & ~3;
  }
  return dir.raw.subarray(dir.raw.length);
}

async function unpackDirectory(
  change: Change,
  dir: Inode,
  parent: number,
  entries: readonly NewEntry[],
): Promise<void> {
  const { volume } = change;
  const { blockSize } = volume.geometry;
  dropInline(change, dir);
  const map = new BlockMapEditor(change, dir);
  const run = await map.fill(0, 1, await map.goalFor(0), false);
  dir.size = blockSize;
  const data = volume.store.fresh(run.physical, directorySeal(volume, dir));
  const fileType = volume.hasType ? DIR_TYPE.DIR : DIR_TYPE.UNKNOWN;
  const all = [
    { ino: dir.ino, name: Uint8Array.of(0x2e), fileType },
    { ino: parent, name: Uint8Array.of(0x2e, 0x2e), fileType },
    ...entries,
  ];
  const room = leafRoom(volume);
  let at = 0;
  for (const [i, entry] of all.entries()) {
    const recordLength = i === all.length - 1 ? room - at : recordNeed(entry.name.length);
    putEntry(data, at, { ...entry, recordLength }, blockSize);
    at += recordLength;
  }
  putTail(volume, data);
}

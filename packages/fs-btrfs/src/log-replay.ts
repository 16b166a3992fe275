import { alignUp, equalBytes, viewOf } from '@vmcraft/core/binary';
import { S_IFDIR, S_IFMT, S_IFREG } from '@vmcraft/core/contracts';
import { dirRecords, nameHash } from './dir-items.js';
import { ExtentType, FileExtentHead, FileExtentItem, InodeExtref, InodeItem, InodeRef, Type } from './layout.js';
import type { LoggedItems } from './logged-items.js';
import { type Item, LAST_OFFSET, type Tree } from './tree.js';

/** File type bits to the numbers of directory items. */
const DIR_TYPE: Readonly<Record<number, number>> = { 7: 1, 4: 2, 2: 3, 6: 4, 1: 5, 11: 6, 9: 7 };
/** Sizes of files are rounded up to this before what lies behind is cut off; the smallest sector there is. */
const SECTOR = 4096;

/**
 * What mounting does with a log ("Log tree"; the order of the kernel's replay): inodes first, with their attributes and extents; then
 * names, from back references and directory entries; at last entries that a logged range of a directory no longer has.
 */
export class LogReplay {
  readonly #inodes = new Map<number, Item>();
  readonly #dirSizes = new Map<number, number>();

  constructor(
    private readonly items: LoggedItems,
    private readonly tree: Tree,
    private readonly log: Tree,
  ) {}

  async run(): Promise<void> {
    await this.#each(Type.inodeItem, async (item) => void this.#inodes.set(item.objectid, item));
    for (const item of this.#inodes.values()) await this.#inode(item);
    await this.#each(Type.xattrItem, async (item) => this.items.put(item));
    await this.#each(Type.extentData, (item) => this.#extent(item));
    for (const objectid of this.#inodes.keys()) await this.#countBytes(objectid);
    await this.#each(Type.inodeRef, (item) => this.#reference(item));
    await this.#each(Type.inodeExtref, (item) => this.#reference(item));
    await this.#each(Type.dirLogIndex, (item) => this.#missingFromRange(item));
    await this.#each(Type.dirIndex, (item) => this.#entry(item));
    for (const [objectid, change] of this.#dirSizes) await this.#resizeDirectory(objectid, change);
  }

  async #each(type: number, work: (item: Item) => Promise<void>): Promise<void> {
    const from = { objectid: 0, type: 0, offset: 0 };
    const to = { objectid: LAST_OFFSET, type: 255, offset: LAST_OFFSET };
    for await (const item of this.log.range(from, to)) if (item.type === type) await work(item);
  }

  async #inode(item: Item): Promise<void> {
    const { objectid } = item;
    const { generation, mode, size } = InodeItem.decode(item.data);
    const known = await this.tree.find(item);
    // Generation 0: the log only says that the inode exists.
    if (generation === 0 && known !== undefined) return;
    const isDir = (mode & S_IFMT) === S_IFDIR;
    const data = item.data.slice();
    const before = known === undefined ? { size: 0, nbytes: 0 } : InodeItem.decode(known.data);
    // A directory's size follows from its entries. What is logged of allocated bytes means nothing: they follow from the extents.
    InodeItem.encodeInto({ nbytes: before.nbytes, ...(isDir ? { size: before.size } : {}) }, data);
    this.items.put({ ...item, data });
    for await (const old of this.#treeItems(objectid, Type.xattrItem)) this.items.remove(old);
    if ((mode & S_IFMT) === S_IFREG) await this.#cut(objectid, alignUp(size, SECTOR), LAST_OFFSET);
  }

  async #extent(item: Item): Promise<void> {
    const inode = this.#inodes.get(item.objectid);
    if (inode === undefined || InodeItem.decode(inode.data).generation === 0) return;
    await this.#cut(item.objectid, item.offset, item.offset + lengthOf(item));
    this.items.put(item);
  }

  /** Allocated bytes of a regular file: those of its extents but holes. */
  async #countBytes(objectid: number): Promise<void> {
    const item = await this.items.find({ objectid, type: Type.inodeItem, offset: 0 });
    if (item === undefined || (InodeItem.decode(item.data).mode & S_IFMT) !== S_IFREG) return;
    const from = { objectid, type: Type.extentData, offset: 0 };
    let nbytes = 0;
    for await (const { data } of this.items.range(from, { ...from, offset: LAST_OFFSET })) {
      const { type, ramBytes } = FileExtentHead.decode(data);
      if (type === ExtentType.inline) nbytes += Number(ramBytes);
      else if (FileExtentItem.decode(data).diskBytenr !== 0n) nbytes += Number(FileExtentItem.decode(data).numBytes);
    }
    const data = item.data.slice();
    InodeItem.encodeInto({ nbytes }, data);
    this.items.put({ ...item, data });
  }

  /** Take [from, to) away from the extents of a file. */
  async #cut(objectid: number, from: number, to: number): Promise<void> {
    const before = await this.items.last({ objectid, type: Type.extentData, offset: from });
    const start = before?.objectid === objectid && before.type === Type.extentData ? before.offset : from;
    const touched: Item[] = [];
    const range = this.items.range(
      { objectid, type: Type.extentData, offset: start },
      { objectid, type: Type.extentData, offset: to - 1 },
    );
    for await (const item of range) if (item.offset + lengthOf(item) > from) touched.push(item);
    for (const item of touched) {
      const end = item.offset + lengthOf(item);
      this.items.remove(item);
      if (FileExtentHead.decode(item.data).type === ExtentType.inline) continue;
      if (item.offset < from) this.items.put(part(item, item.offset, from));
      if (end > to) this.items.put(part(item, to, end));
    }
  }

  /** A name of an inode: it is in its directory, and other names there that the log does not have are not. */
  async #reference(item: Item): Promise<void> {
    const names = refNames(item);
    const inode = await this.items.find({ objectid: item.objectid, type: Type.inodeItem, offset: 0 });
    if (inode === undefined) return;
    const old = await this.tree.find(item);
    for (const before of old === undefined ? [] : refNames(old)) {
      if (names.some((n) => n.parent === before.parent && equalBytes(n.name, before.name))) continue;
      await this.#unlink(before.parent, before.index, before.name, item.objectid);
    }
    this.items.put(item);
    const type = DIR_TYPE[(InodeItem.decode(inode.data).mode & S_IFMT) >>> 12] ?? 0;
    for (const { parent, index, name } of names) {
      // The root of a subvolume refers to itself, as `..`.
      if (parent === item.objectid) continue;
      if ((await this.items.find({ objectid: parent, type: Type.inodeItem, offset: 0 })) === undefined) continue;
      await this.#link(parent, index, dirItem(item.objectid, type, name), name);
    }
  }

  /** An entry of a logged directory; its inode has to be there. */
  async #entry(item: Item): Promise<void> {
    for (const { location, name } of dirRecords(item.data)) {
      const isInode = location.type === Type.inodeItem;
      const target = { objectid: location.objectid, type: Type.inodeItem, offset: 0 };
      if (isInode && (await this.items.find(target)) === undefined) continue;
      await this.#link(item.objectid, item.offset, item.data, name);
    }
  }

  /** Within a logged range the log has all entries. */
  async #missingFromRange(item: Item): Promise<void> {
    const END = 8;
    const end = item.data.length < END ? item.offset : Number(viewOf(item.data).getBigUint64(0, true));
    const from = { objectid: item.objectid, type: Type.dirIndex, offset: item.offset };
    const gone: Item[] = [];
    for await (const entry of this.tree.range(from, { ...from, offset: end })) {
      if ((await this.log.find(entry)) === undefined) gone.push(entry);
    }
    for (const entry of gone) {
      for (const { name, location } of dirRecords(entry.data)) {
        await this.#unlink(item.objectid, entry.offset, name, location.objectid);
      }
    }
  }

  async #link(parent: number, index: number, data: Uint8Array, name: Uint8Array): Promise<void> {
    const key = { objectid: parent, type: Type.dirIndex, offset: index };
    const existing = await this.items.find(key);
    if (
      existing !== undefined &&
      equalBytes(existing.data.subarray(0, 8), data.subarray(0, 8)) &&
      hasName(existing, name)
    )
      return;
    // Another inode of this name makes way.
    const hashKey = { objectid: parent, type: Type.dirItem, offset: nameHash(name) };
    const same = await this.items.find(hashKey);
    for (const record of same === undefined ? [] : [...dirRecords(same.data)]) {
      if (!equalBytes(record.name, name)) continue;
      const old = await this.#indexOf(parent, name);
      await this.#unlink(parent, old ?? index, name, record.location.objectid);
    }
    this.items.put({ ...key, data });
    const rest = await this.items.find(hashKey);
    this.items.put({ ...hashKey, data: joined(rest?.data ?? new Uint8Array(), data) });
    this.#grow(parent, name.length * 2);
  }

  async #unlink(parent: number, index: number, name: Uint8Array, target: number): Promise<void> {
    const hashKey = { objectid: parent, type: Type.dirItem, offset: nameHash(name) };
    const item = await this.items.find(hashKey);
    const isThere = (r: { name: Uint8Array; location: { objectid: number } }): boolean =>
      equalBytes(r.name, name) && r.location.objectid === target;
    const records = item === undefined ? [] : [...dirRecords(item.data)];
    if (!records.some(isThere)) return;
    const kept = records
      .filter((r) => !isThere(r))
      .map((r) => dirItem(r.location.objectid, r.type, r.name, r.location.type));
    if (kept.length === 0) this.items.remove(hashKey);
    else this.items.put({ ...hashKey, data: kept.reduce(joined) });
    const entry = await this.items.find({ objectid: parent, type: Type.dirIndex, offset: index });
    if (entry !== undefined && hasName(entry, name)) this.items.remove(entry);
    this.#grow(parent, -2 * name.length);
    if (!this.#inodes.has(target)) await this.#loseLink(target);
  }

  async #loseLink(objectid: number): Promise<void> {
    const item = await this.items.find({ objectid, type: Type.inodeItem, offset: 0 });
    if (item === undefined) return;
    const data = item.data.slice();
    InodeItem.encodeInto({ nlink: Math.max(0, InodeItem.decode(data).nlink - 1) }, data);
    this.items.put({ ...item, data });
  }

  async #indexOf(parent: number, name: Uint8Array): Promise<number | undefined> {
    const from = { objectid: parent, type: Type.dirIndex, offset: 0 };
    for await (const entry of this.items.range(from, { ...from, offset: LAST_OFFSET })) {
      if (hasName(entry, name)) return entry.offset;
    }
    return undefined;
  }

  #grow(directory: number, by: number): void {
    this.#dirSizes.set(directory, (this.#dirSizes.get(directory) ?? 0) + by);
  }

  async #resizeDirectory(objectid: number, change: number): Promise<void> {
    const item = await this.items.find({ objectid, type: Type.inodeItem, offset: 0 });
    if (item === undefined) return;
    const data = item.data.slice();
    const size = InodeItem.decode(data).size + change;
    InodeItem.encodeInto({ size: Math.max(0, size) }, data);
    this.items.put({ ...item, data });
  }

  #treeItems(objectid: number, type: number): AsyncIterable<Item> {
    return this.tree.range({ objectid, type, offset: 0 }, { objectid, type, offset: LAST_OFFSET });
  }
}

/** Bytes of a file that an extent stands for. */
function lengthOf({ data }: Item): number {
  const { type, ramBytes } = FileExtentHead.decode(data);
  return type === ExtentType.inline ? alignUp(Number(ramBytes), SECTOR) : Number(FileExtentItem.decode(data).numBytes);
}

/** The piece [from, to) of an extent, as an item of its own. */
function part(item: Item, from: number, to: number): Item {
  const data = item.data.slice();
  const { offset, diskBytenr } = FileExtentItem.decode(data);
  const moved = diskBytenr === 0n ? 0n : offset + BigInt(from - item.offset);
  FileExtentItem.encodeInto({ offset: moved, numBytes: BigInt(to - from) }, data);
  return { ...item, offset: from, data };
}

function hasName({ data }: Item, name: Uint8Array): boolean {
  for (const record of dirRecords(data)) if (equalBytes(record.name, name)) return true;
  return false;
}

function refNames({ type, offset, data }: Item): { parent: number; index: number; name: Uint8Array }[] {
  const isExtended = type === Type.inodeExtref;
  const head = isExtended ? InodeExtref.size : InodeRef.size;
  const names: { parent: number; index: number; name: Uint8Array }[] = [];
  for (let at = 0; at + head <= data.length; ) {
    const { index, nameLength } = isExtended ? InodeExtref.decode(data, at) : InodeRef.decode(data, at);
    const parent = isExtended ? Number(InodeExtref.decode(data, at).parent) : offset;
    names.push({ parent, index: Number(index), name: data.subarray(at + head, at + head + nameLength) });
    at += head + nameLength;
  }
  return names;
}

/** A directory item of one record. */
function dirItem(objectid: number, type: number, name: Uint8Array, locationType: number = Type.inodeItem): Uint8Array {
  const HEAD = 30;
  const data = new Uint8Array(HEAD + name.length);
  const view = viewOf(data);
  view.setBigUint64(0, BigInt(objectid), true);
  view.setUint8(8, locationType);
  view.setUint16(27, name.length, true);
  view.setUint8(29, type);
  data.set(name, HEAD);
  return data;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

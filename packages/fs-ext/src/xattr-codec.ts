import { CorruptImageError } from '@vmcraft/core/errors';
import { XATTR_ALIGN, XATTR_ENTRY_SIZE, xattrEntryLayout } from './layout.js';

const STRUCTURE = 'ext4_xattr_entry';
const CITATION = 'ext4 Data Structures and Algorithms, Extended Attributes';

/** One extended attribute as stored. */
export interface StoredXattr {
  /** `e_name_index`. */
  readonly index: number;
  /** The name after its prefix. */
  readonly name: Uint8Array;
  /** The value, unless it lies in an inode of its own. */
  readonly value: Uint8Array;
  /** Inode with the value (ea_inode), or 0. */
  readonly valueInode: number;
  /** Bytes of the value. */
  readonly size: number;
  readonly hash: number;
}

/** Where attributes lie in a buffer. Positions are bytes. */
export interface XattrArea {
  /** First entry. */
  readonly entries: number;
  /** What value offsets count from. */
  readonly base: number;
  readonly end: number;
}

const align = (n: number): number => (n + XATTR_ALIGN - 1) & ~(XATTR_ALIGN - 1);

/** All attributes of an area. @throws CorruptImageError when an entry or value leaves it */
export function decodeXattrs(data: Uint8Array, area: XattrArea, what: string): StoredXattr[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const out: StoredXattr[] = [];
  const fail = (reason: string): never => {
    throw new CorruptImageError({ structure: STRUCTURE, reason: `${what}: ${reason}`, citation: CITATION });
  };
  let at = area.entries;
  let lowest = area.end;
  for (; at + 4 <= area.end && view.getUint32(at, true) !== 0; ) {
    if (at + XATTR_ENTRY_SIZE > area.end) fail('an entry crosses the end');
    const entry = xattrEntryLayout.decode(data, at);
    const next = at + align(XATTR_ENTRY_SIZE + entry.nameLength);
    if (next + 4 > area.end) fail('a name crosses the end');
    const name = data.slice(at + XATTR_ENTRY_SIZE, at + XATTR_ENTRY_SIZE + entry.nameLength);
    const from = area.base + entry.valueOffset;
    const inside = entry.valueInode === 0 && entry.valueSize > 0;
    if (inside && (from < area.entries || from + entry.valueSize > area.end)) {
      fail(`a value of ${entry.valueSize} bytes at ${entry.valueOffset} crosses the end`);
    }
    if (inside) lowest = Math.min(lowest, from);
    out.push({
      index: entry.nameIndex,
      name,
      value: inside ? data.slice(from, from + entry.valueSize) : EMPTY,
      valueInode: entry.valueInode,
      size: entry.valueSize,
      hash: entry.hash,
    });
    at = next;
  }
  if (at + 4 > area.end) fail('the list does not end');
  if (lowest < at + 4) fail('a value overlaps the list');
  return out;
}

const EMPTY = new Uint8Array(0);

/** Bytes that entries and values take, with the list's end. */
export function xattrsSize(list: readonly StoredXattr[]): number {
  return list.reduce((sum, x) => sum + xattrSize(x), 4);
}

/** Bytes one attribute takes. */
export function xattrSize(x: StoredXattr): number {
  return align(XATTR_ENTRY_SIZE + x.name.length) + (x.valueInode === 0 ? align(x.size) : 0);
}

/** Write attributes into an area that is zeroed and large enough: entries from its start, values from its end. */
export function encodeXattrs(data: Uint8Array, area: XattrArea, list: readonly StoredXattr[]): void {
  let at = area.entries;
  let end = area.end;
  for (const x of list) {
    const stored = x.valueInode === 0 && x.size > 0;
    if (stored) {
      end -= align(x.size);
      data.set(x.value, end);
    }
    xattrEntryLayout.encodeInto(
      {
        nameLength: x.name.length,
        nameIndex: x.index,
        valueOffset: stored ? end - area.base : 0,
        valueInode: x.valueInode,
        valueSize: x.size,
        hash: x.hash,
      },
      data,
      at,
    );
    data.set(x.name, at + XATTR_ENTRY_SIZE);
    at += align(XATTR_ENTRY_SIZE + x.name.length);
  }
}

/** `e_hash` of an attribute in a block, over its name and its value (or, in an inode of its own, over that value's hash). */
export function xattrEntryHash(name: Uint8Array, value: Uint8Array): number {
  let hash = 0;
  for (const byte of name) hash = ((hash << 5) ^ (hash >>> 27) ^ byte) >>> 0;
  const padded = new Uint8Array(align(value.length));
  padded.set(value);
  const view = new DataView(padded.buffer);
  for (let i = 0; i < padded.length; i += 4) {
    hash = ((hash << 16) ^ (hash >>> 16) ^ view.getUint32(i, true)) >>> 0;
  }
  return hash;
}

/** `h_hash` of an attribute block; 0 when an entry has none, so that it is not shared. */
export function xattrBlockHash(list: readonly StoredXattr[]): number {
  let hash = 0;
  for (const x of list) {
    if (x.hash === 0) return 0;
    hash = ((hash << 16) ^ (hash >>> 16) ^ x.hash) >>> 0;
  }
  return hash;
}

/** Order of entries in a block: by prefix, length, then bytes. */
export function compareXattrs(a: StoredXattr, b: StoredXattr): number {
  if (a.index !== b.index) return a.index - b.index;
  if (a.name.length !== b.name.length) return a.name.length - b.name.length;
  for (let i = 0; i < a.name.length; i++) if (a.name[i] !== b.name[i]) return a.name[i]! - b.name[i]!;
  return 0;
}

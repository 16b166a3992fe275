import { encodeUtf16, viewOf } from '@vmcraft/core/binary';
import { FsError } from '@vmcraft/core/errors';
import type { Attribute } from './attribute.js';
import { sizeOf } from './attribute.js';
import { nameOf } from './collation.js';
import { residentTag } from './file-content.js';
import { namespaceOf, parentOf } from './file-name.js';
import type { IndexEntry } from './index-node.js';
import type { Inode } from './inode.js';
import { AttributeType, FileAttribute, fileName, MAX_NAME_LENGTH, Namespace } from './layout.js';
import { INDEX_ENTRY_HEADER_SIZE } from './layout-index.js';
import { storedSize } from './stat.js';

/** What no name of Windows has. */
const NOT_WINDOWS = /["*/:<>?\\|\x00-\x1f]|[ .]$/;
const RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** A new name is one that NTFS can keep. @throws FsError EINVAL, ENAMETOOLONG, EEXIST */
export function requireName(name: string, operation: string, windowsNames: boolean): void {
  const details = { operation, path: name };
  if (name === '.' || name === '..') throw new FsError('EEXIST', details);
  if (name === '' || /[/\0]/.test(name)) throw new FsError('EINVAL', details);
  if (name.length > MAX_NAME_LENGTH) throw new FsError('ENAMETOOLONG', details);
  if (LONE_SURROGATE.test(name)) throw new FsError('EINVAL', { ...details, reason: 'names are Unicode' });
  if (windowsNames && (NOT_WINDOWS.test(name) || RESERVED.test(name))) {
    throw new FsError('EINVAL', { ...details, reason: 'Windows cannot use this name' });
  }
}

/** Times, sizes and attributes of a file as its names copy them, into a $FILE_NAME value. */
export function fillCopies(value: Uint8Array, inode: Inode, clusterSize: number): void {
  const view = viewOf(value);
  const { standard } = inode;
  for (let at = 0; at < 32; at += 8) view.setBigUint64(8 + at, standard.getBigUint64(at, true), true);
  const data = inode.isDirectory ? undefined : inode.find(AttributeType.data);
  // A value in the record counts with its length, rounded to the 8 bytes that it takes there.
  const stored = data?.value === undefined ? storedSize(data, clusterSize) : (data.value.length + 7) & ~7;
  fileName.encodeInto(
    {
      allocatedSize: BigInt(stored),
      dataSize: BigInt(data === undefined ? 0 : sizeOf(data)),
      fileAttributes: inode.fileAttributes | (inode.isDirectory ? FileAttribute.directoryIndex : 0),
      reparseTag: residentTag(inode),
    },
    value,
  );
}

/** A new $FILE_NAME value; ntfs-3g and Linux put new names in the namespace of POSIX. */
export function makeFileName(
  inode: Inode,
  parent: Inode,
  name: string,
  clusterSize: number,
  namespace: number = Namespace.posix,
): Uint8Array {
  const value = new Uint8Array(fileName.size + name.length * 2);
  fileName.encodeInto({ parent: parent.reference, nameLength: name.length, namespace }, value);
  value.set(encodeUtf16(name), fileName.size);
  fillCopies(value, inode, clusterSize);
  return value;
}

/** The index entry of a name. */
export function makeEntry(reference: bigint, value: Uint8Array): Uint8Array {
  const raw = new Uint8Array((INDEX_ENTRY_HEADER_SIZE + value.length + 7) & ~7);
  const view = viewOf(raw);
  view.setBigUint64(0, reference, true);
  view.setUint16(8, raw.length, true);
  view.setUint16(10, value.length, true);
  raw.set(value, INDEX_ENTRY_HEADER_SIZE);
  return raw;
}

/** The $FILE_NAME attribute that an entry is a copy of. */
export function attributeOfEntry(inode: Inode, parent: Inode, entry: IndexEntry): Attribute | undefined {
  const wanted = nameOf(entry.key);
  return inode
    .all(AttributeType.fileName)
    .find(({ value }) => value !== undefined && isIn(value, parent) && sameBytes(nameOf(value), wanted));
}

/** The other half of a name that has a long and a short form. */
export function twinOf(inode: Inode, parent: Inode, attribute: Attribute): Attribute | undefined {
  const own = namespaceOf(attribute.value!);
  if (own !== Namespace.win32 && own !== Namespace.dos) return undefined;
  const other = own === Namespace.win32 ? Namespace.dos : Namespace.win32;
  return inode
    .all(AttributeType.fileName)
    .find(({ value }) => value !== undefined && isIn(value, parent) && namespaceOf(value) === other);
}

function isIn(value: Uint8Array, parent: Inode): boolean {
  return value.length >= fileName.size && (parentOf(value) & 0xffffffffffffn) === BigInt(parent.number);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

import { equalBytes } from '@vmcraft/core/binary';
import type { Inode } from './inode.js';
import { INODE_SIZE_GOOD_OLD, XATTR_INDEX, XATTR_MAGIC } from './layout.js';
import { decodeXattrs, type StoredXattr, type XattrArea } from './xattr-codec.js';
import type { XattrKey } from './xattr-name.js';

/** The attribute with the rest of inline data. */
export const INLINE_DATA_KEY: XattrKey = {
  index: XATTR_INDEX.SYSTEM,
  name: Uint8Array.of(0x64, 0x61, 0x74, 0x61),
};

/** Room for attributes in an inode after its magic, or undefined where there is none. */
export function inodeXattrArea(inode: Inode): XattrArea | undefined {
  if (inode.raw.length === INODE_SIZE_GOOD_OLD || inode.extraSize === 0) return undefined;
  const entries = INODE_SIZE_GOOD_OLD + inode.extraSize + 4;
  return entries + 4 > inode.raw.length ? undefined : { entries, base: entries, end: inode.raw.length };
}

/** Whether a stored attribute has this name. */
export function hasKey(x: XattrKey, key: XattrKey): boolean {
  return x.index === key.index && equalBytes(x.name, key.name);
}

/** Attributes in the inode itself. */
export function inodeXattrs(inode: Inode): StoredXattr[] {
  const area = inodeXattrArea(inode);
  if (area === undefined || inode.view.getUint32(area.entries - 4, true) !== XATTR_MAGIC) return [];
  return decodeXattrs(inode.raw, area, `inode ${inode.ino}`);
}

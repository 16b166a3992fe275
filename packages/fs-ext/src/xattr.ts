import { decodeDiskAcl, encodeXattrAcl } from './acl.js';
import type { Inode } from './inode.js';
import { XATTR_INDEX } from './layout.js';
import type { Volume } from './volume.js';
import { hasKey } from './xattr-inode.js';
import { formatXattrName, parseXattrName } from './xattr-name.js';
import { allXattrs, xattrValue } from './xattr-read.js';

/** Whether an attribute is a POSIX access control list, which is stored in a form of its own. */
export function isAcl(index: number): boolean {
  return index === XATTR_INDEX.POSIX_ACL_ACCESS || index === XATTR_INDEX.POSIX_ACL_DEFAULT;
}

/** Full names of an inode's attributes. @throws CorruptImageError */
export async function listXattrs(volume: Volume, inode: Inode): Promise<string[]> {
  const names: string[] = [];
  for (const x of await allXattrs(volume, inode)) {
    const name = formatXattrName(x);
    if (name !== undefined) names.push(name);
  }
  return names;
}

/** An attribute's value as getxattr(2) gives it. */
export async function getXattr(volume: Volume, inode: Inode, name: string): Promise<Uint8Array | undefined> {
  const key = parseXattrName(name);
  if (key === undefined) return undefined;
  const found = (await allXattrs(volume, inode)).find((x) => hasKey(x, key));
  if (found === undefined) return undefined;
  const value = await xattrValue(volume, inode, found);
  return isAcl(key.index) ? encodeXattrAcl(decodeDiskAcl(value)) : value;
}

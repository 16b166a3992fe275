import { S_IFDIR, S_IFMT, S_IFREG, type SetAttributes } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { aclAfterChmod, decodeDiskAcl, decodeXattrAcl, encodeDiskAcl, modeOfAcl } from './acl.js';
import type { Change } from './change.js';
import { eachEntry } from './directory.js';
import type { Inode } from './inode.js';
import { FL, FL_USER_MODIFIABLE, INCOMPAT, XATTR_INDEX } from './layout.js';
import { FROZEN, refuseIf } from './permission.js';
import { isAcl } from './xattr.js';
import { hasKey } from './xattr-inode.js';
import { parseXattrName, type XattrKey } from './xattr-name.js';
import { allXattrs, xattrValue } from './xattr-read.js';
import { XattrEditor } from './xattr-write.js';

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o0010;
const PERMISSIONS = 0o7777;
const ACL_ACCESS: XattrKey = { index: XATTR_INDEX.POSIX_ACL_ACCESS, name: new Uint8Array(0) };
const CAPABILITY: XattrKey = {
  index: XATTR_INDEX.SECURITY,
  name: Uint8Array.from('capability', (c) => c.charCodeAt(0)),
};

/** chmod(2), chown(2) and utimensat(2) in one. */
export async function setAttributes(change: Change, ino: number, attributes: SetAttributes): Promise<void> {
  refuseIf(await change.volume.inodes.live(ino), FROZEN, 'setattr');
  const inode = await change.volume.inodes.modify(ino);
  if (attributes.uid !== undefined) inode.uid = attributes.uid;
  if (attributes.gid !== undefined) inode.gid = attributes.gid;
  if ((attributes.uid !== undefined || attributes.gid !== undefined) && !inode.isDirectory) {
    await dropCapability(change, inode);
    inode.mode = withoutPrivileges(inode.mode);
  }
  if (attributes.mode !== undefined) {
    inode.mode = (inode.mode & S_IFMT) | (attributes.mode & PERMISSIONS);
    await followMode(change, inode);
  }
  inode.setTime('ctime', attributes.ctime ?? change.now);
  if (attributes.atime !== undefined) inode.setTime('atime', attributes.atime);
  if (attributes.mtime !== undefined) inode.setTime('mtime', attributes.mtime);
  if (attributes.btime !== undefined) inode.crtime = attributes.btime;
}

/** A new owner loses set-user-ID, and set-group-ID where it means that; `mode` given as well has the last word. */
function withoutPrivileges(mode: number): number {
  const noUser = mode & ~S_ISUID;
  return (noUser & S_IXGRP) !== 0 ? noUser & ~S_ISGID : noUser;
}

/** Changed contents or owners void file capabilities. */
export async function dropCapability(change: Change, inode: Inode): Promise<void> {
  if ((inode.mode & S_IFMT) !== S_IFREG) return;
  const all = await allXattrs(change.volume, inode);
  if (all.some((x) => hasKey(x, CAPABILITY))) await new XattrEditor(change, inode).remove(CAPABILITY);
}

/** The access list keeps saying what the mode says. */
async function followMode(change: Change, inode: Inode): Promise<void> {
  const found = (await allXattrs(change.volume, inode)).find((x) => hasKey(x, ACL_ACCESS));
  if (found === undefined) return;
  const acl = decodeDiskAcl(await xattrValue(change.volume, inode, found));
  await new XattrEditor(change, inode).set(ACL_ACCESS, encodeDiskAcl(aclAfterChmod(acl, inode.mode)));
}

function keyOf(name: string, operation: string): XattrKey {
  const key = parseXattrName(name);
  if (key === undefined) throw new FsError('ENOTSUP', { operation, path: name });
  if (key.name.length > 255) throw new FsError('ERANGE', { operation, path: name });
  return key;
}

/** User attributes are for files and directories only. */
function checkTarget(inode: Inode, key: XattrKey, operation: string): void {
  refuseIf(inode, FROZEN, operation);
  const plain = inode.isDirectory || inode.isRegular;
  if (key.index === XATTR_INDEX.USER && !plain)
    throw new FsError('EPERM', { operation, reason: 'not a file or directory' });
  if (isAcl(key.index) && inode.isSymlink) throw new FsError('ENOTSUP', { operation });
  if (key.index === XATTR_INDEX.POSIX_ACL_DEFAULT && !inode.isDirectory) throw new FsError('EACCES', { operation });
}

/** setxattr(2). Access lists change the mode; one that says no more than the mode is not kept. */
export async function setAttribute(change: Change, ino: number, name: string, value: Uint8Array): Promise<void> {
  const operation = 'setxattr';
  const key = keyOf(name, operation);
  checkTarget(await change.volume.inodes.live(ino), key, operation);
  const inode = await change.volume.inodes.modify(ino);
  const editor = new XattrEditor(change, inode);
  inode.setTime('ctime', change.now);
  if (!isAcl(key.index)) return editor.set(key, value);
  const acl = decodeXattrAcl(value);
  const { bits, minimal } = modeOfAcl(acl);
  if (acl.length > 0 && key.index === XATTR_INDEX.POSIX_ACL_ACCESS) {
    inode.mode = (inode.mode & ~0o777) | bits;
    if (minimal) {
      await editor.remove(key);
      return;
    }
  }
  if (acl.length === 0) await editor.remove(key);
  else await editor.set(key, encodeDiskAcl(acl));
}

/** removexattr(2). @throws FsError ENODATA */
export async function removeAttribute(change: Change, ino: number, name: string): Promise<void> {
  const operation = 'removexattr';
  const key = keyOf(name, operation);
  checkTarget(await change.volume.inodes.live(ino), key, operation);
  const inode = await change.volume.inodes.modify(ino);
  const found = await new XattrEditor(change, inode).remove(key);
  if (!found && !isAcl(key.index)) throw new FsError('ENODATA', { operation, path: name });
  inode.setTime('ctime', change.now);
}

/** chattr(1): the flags a user may change; the others must stay as they are. @throws FsError EINVAL, ENOTSUP, ENOTEMPTY */
export async function setInodeFlags(change: Change, ino: number, flags: number): Promise<void> {
  const operation = 'setflags';
  const before = await change.volume.inodes.live(ino);
  const kept = before.flags & ~FL_USER_MODIFIABLE;
  let wanted = flags & FL_USER_MODIFIABLE;
  if (before.type !== S_IFDIR) wanted &= ~(FL.DIRSYNC | FL.TOPDIR | FL.PROJINHERIT);
  const fold = (wanted ^ before.flags) & FL.CASEFOLD;
  if (fold !== 0) {
    if (!change.volume.superblock.hasIncompat(INCOMPAT.CASEFOLD)) throw new FsError('ENOTSUP', { operation });
    if (!before.isDirectory) throw new FsError('ENOTDIR', { operation });
    if (await eachEntry(change.volume, before, () => true)) throw new FsError('ENOTEMPTY', { operation });
  }
  const inode = await change.volume.inodes.modify(ino);
  inode.flags = kept | wanted;
  inode.setTime('ctime', change.now);
}

/** Set the generation number. @throws FsError ENOTSUP with metadata_csum, where it seeds the inode's checksums */
export async function setInodeGeneration(change: Change, ino: number, generation: number): Promise<void> {
  await change.volume.inodes.live(ino);
  if (change.volume.checksum.metadata) {
    throw new FsError('ENOTSUP', {
      operation: 'setgeneration',
      reason: 'the generation is part of checksums (metadata_csum)',
    });
  }
  const inode = await change.volume.inodes.modify(ino);
  inode.generation = generation;
  inode.setTime('ctime', change.now);
}

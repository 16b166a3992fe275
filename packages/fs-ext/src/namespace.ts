import { encodeFileName } from '@vmcraft/core/binary';
import {
  type NewNode,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { isUtf8 } from './casefold.js';
import type { Change } from './change.js';
import { deleteInode } from './delete-inode.js';
import { eachEntry, type FoundEntry, requireDirectory } from './directory.js';
import { addEntry, changeEntry, checkName, makeDots, parentOf, removeEntry, setParent } from './directory-edit.js';
import { findEntry } from './directory-lookup.js';
import { FileWriter } from './file-write.js';
import type { Inode } from './inode.js';
import { initInode } from './inode-init.js';
import { DIR_TYPE, ENCODING_STRICT, FL, I_BLOCK_SIZE, INO_ROOT, RO_COMPAT } from './layout.js';
import { FROZEN, refuseIf } from './permission.js';

/** Most links to one inode (`EXT4_LINK_MAX`). */
const LINK_MAX = 65000;
const S_ISGID = 0o2000;

const DIR_TYPES: Readonly<Record<number, number>> = {
  [S_IFREG]: DIR_TYPE.FILE,
  [S_IFDIR]: DIR_TYPE.DIR,
  [S_IFCHR]: DIR_TYPE.CHAR,
  [S_IFBLK]: DIR_TYPE.BLOCK,
  [S_IFIFO]: DIR_TYPE.FIFO,
  [S_IFSOCK]: DIR_TYPE.SOCKET,
  [S_IFLNK]: DIR_TYPE.LINK,
};

/** The type that an entry for an object of this mode records. */
export function fileTypeOf(change: Change, mode: number): number {
  return change.volume.hasType ? (DIR_TYPES[mode & S_IFMT] ?? DIR_TYPE.UNKNOWN) : DIR_TYPE.UNKNOWN;
}

/** A directory to change names in. @throws FsError ENOTDIR, EPERM, ENOENT */
async function directoryToChange(change: Change, ino: number, operation: string, forbidden: number): Promise<Inode> {
  const inode = await change.volume.inodes.live(ino);
  requireDirectory(inode, operation);
  refuseIf(inode, forbidden, operation);
  return change.volume.inodes.modify(ino);
}

function nameFor(change: Change, dir: Inode, name: string, operation: string): Uint8Array {
  const bytes = encodeFileName(name);
  checkName(bytes, operation);
  const strict = (change.volume.superblock.fields.encodingFlags & ENCODING_STRICT) !== 0;
  if (strict && dir.has(FL.CASEFOLD) && !isUtf8(bytes)) throw new FsError('EINVAL', { operation, reason: 'not UTF-8' });
  return bytes;
}

function touch(change: Change, inode: Inode): void {
  inode.setTime('mtime', change.now);
  inode.setTime('ctime', change.now);
}

/** One subdirectory more. A directory past the format's limit has 1 link from then on (dir_nlink). @throws FsError EMLINK */
export function addSubdirectory(change: Change, dir: Inode, operation: string): void {
  const uncounted = dir.links === 1;
  const mayOverflow = change.volume.superblock.hasRoCompat(RO_COMPAT.DIR_NLINK) && dir.has(FL.INDEX);
  if (dir.links >= LINK_MAX && !mayOverflow) throw new FsError('EMLINK', { operation });
  if (!uncounted) dir.links = dir.links >= LINK_MAX ? 1 : dir.links + 1;
}

/** One subdirectory less. */
export function dropSubdirectory(dir: Inode): void {
  if (dir.links > 2) dir.links -= 1;
}

/** Make a new object with a name. @returns its inode number */
export async function createNode(change: Change, dirIno: number, name: string, init: NewNode): Promise<number> {
  const operation = 'create';
  const dir = await directoryToChange(change, dirIno, operation, FL.IMMUTABLE);
  const bytes = nameFor(change, dir, name, operation);
  const type = init.mode & S_IFMT;
  if (DIR_TYPES[type] === undefined) throw new FsError('EINVAL', { operation, reason: 'no such file type' });
  if ((await findEntry(change.volume, dir, bytes)) !== undefined)
    throw new FsError('EEXIST', { operation, path: name });
  if (type === S_IFDIR) addSubdirectory(change, dir, operation);
  const inherits = (dir.mode & S_ISGID) !== 0 && init.gid === undefined;
  const ino = await change.inodes.allocate(dirIno, type === S_IFDIR, dirIno === INO_ROOT);
  const inode = await initInode(change, ino, {
    mode: inherits && type === S_IFDIR ? init.mode | S_ISGID : init.mode,
    uid: init.uid ?? 0,
    gid: init.gid ?? (inherits ? dir.gid : 0),
    ...(init.rdev === undefined ? {} : { rdev: init.rdev }),
    parent: dir,
  });
  inode.links = type === S_IFDIR ? 2 : 1;
  const fileType = fileTypeOf(change, init.mode);
  if (type === S_IFDIR) await makeDots(change, inode, dirIno, fileType);
  if (type === S_IFLNK) await putTarget(change, inode, init.target ?? '');
  await addEntry(change, dir, { ino, name: bytes, fileType });
  touch(change, dir);
  return ino;
}

async function putTarget(change: Change, inode: Inode, target: string): Promise<void> {
  const bytes = encodeFileName(target);
  if (bytes.length === 0) throw new FsError('ENOENT', { operation: 'symlink', reason: 'the target is empty' });
  if (bytes.length >= change.volume.geometry.blockSize || bytes.length > 4095) {
    throw new FsError('ENAMETOOLONG', { operation: 'symlink' });
  }
  if (bytes.length < I_BLOCK_SIZE) {
    inode.flags &= ~FL.EXTENTS;
    inode.block.fill(0);
    inode.block.set(bytes);
    inode.size = bytes.length;
    return;
  }
  await new FileWriter(change, inode).write(0, bytes);
}

/** Give an object one more name. */
export async function linkNode(change: Change, ino: number, dirIno: number, name: string): Promise<void> {
  const operation = 'link';
  const source = await change.volume.inodes.live(ino);
  const dir = await directoryToChange(change, dirIno, operation, FL.IMMUTABLE);
  const bytes = nameFor(change, dir, name, operation);
  if ((await findEntry(change.volume, dir, bytes)) !== undefined)
    throw new FsError('EEXIST', { operation, path: name });
  if (source.isDirectory) throw new FsError('EPERM', { operation, reason: 'it is a directory' });
  refuseIf(source, FROZEN, operation);
  if (source.links >= LINK_MAX) throw new FsError('EMLINK', { operation });
  const inode = await change.volume.inodes.modify(ino);
  inode.links += 1;
  inode.setTime('ctime', change.now);
  await addEntry(change, dir, { ino, name: bytes, fileType: fileTypeOf(change, inode.mode) });
  touch(change, dir);
}

async function required(change: Change, dir: Inode, name: Uint8Array, operation: string): Promise<FoundEntry> {
  const found = await findEntry(change.volume, dir, name);
  if (found === undefined) throw new FsError('ENOENT', { operation, path: new TextDecoder().decode(name) });
  return found;
}

async function isEmpty(change: Change, dir: Inode): Promise<boolean> {
  requireDirectory(dir, 'rmdir');
  return !(await eachEntry(change.volume, dir, () => true));
}

/** Remove a name of something that is not a directory. */
export async function unlinkName(change: Change, dirIno: number, name: string): Promise<void> {
  const operation = 'unlink';
  const dir = await directoryToChange(change, dirIno, operation, FROZEN);
  const found = await required(change, dir, encodeFileName(name), operation);
  const target = await change.volume.inodes.read(found.ino);
  if (target.isDirectory) throw new FsError('EISDIR', { operation, path: name });
  refuseIf(target, FROZEN, operation);
  await removeEntry(change, dir, found);
  touch(change, dir);
  await dropLink(change, found.ino);
}

async function dropLink(change: Change, ino: number): Promise<void> {
  const inode = await change.volume.inodes.modify(ino);
  inode.setTime('ctime', change.now);
  if (inode.links > 1) inode.links -= 1;
  else await deleteInode(change, inode);
}

/** Remove an empty directory. */
export async function removeDirectory(change: Change, dirIno: number, name: string): Promise<void> {
  const operation = 'rmdir';
  const dir = await directoryToChange(change, dirIno, operation, FROZEN);
  const found = await required(change, dir, encodeFileName(name), operation);
  const target = await change.volume.inodes.read(found.ino);
  if (!target.isDirectory) throw new FsError('ENOTDIR', { operation, path: name });
  refuseIf(target, FROZEN, operation);
  if (!(await isEmpty(change, target))) throw new FsError('ENOTEMPTY', { operation, path: name });
  await removeEntry(change, dir, found);
  dropSubdirectory(dir);
  touch(change, dir);
  const gone = await change.volume.inodes.modify(found.ino);
  gone.setTime('ctime', change.now);
  await deleteInode(change, gone);
}

interface Side {
  readonly dir: Inode;
  readonly name: Uint8Array;
}

/** rename(2) within the file system. */
export async function renameName(
  change: Change,
  fromIno: number,
  fromName: string,
  toIno: number,
  toName: string,
): Promise<void> {
  const operation = 'rename';
  const from: Side = {
    dir: await directoryToChange(change, fromIno, operation, FROZEN),
    name: encodeFileName(fromName),
  };
  const to: Side = {
    dir: await directoryToChange(change, toIno, operation, FL.IMMUTABLE),
    name: encodeFileName(toName),
  };
  const source = await required(change, from.dir, from.name, operation);
  nameFor(change, to.dir, toName, operation);
  const moved = await change.volume.inodes.modify(source.ino);
  refuseIf(moved, FROZEN, operation);
  if (moved.isDirectory) await refuseOwnSubtree(change, moved.ino, toIno);
  const target = await findEntry(change.volume, to.dir, to.name);
  if (target !== undefined && (await isAncestor(change, target.ino, fromIno))) {
    throw new FsError('ENOTEMPTY', { operation, reason: 'the target holds the source' });
  }
  if (target?.ino === source.ino && !(fromIno === toIno && target.at === source.at && target.block === source.block))
    return;
  if (target !== undefined && target.ino !== source.ino) {
    await replaceTarget(change, to, target, moved);
  } else if (target === undefined) {
    if (moved.isDirectory && fromIno !== toIno) addSubdirectory(change, to.dir, operation);
    await addEntry(change, to.dir, { ino: moved.ino, name: to.name, fileType: fileTypeOf(change, moved.mode) });
  } else return renameCase(change, from, source, to.name);
  // Adding may have moved entries, so the old name is looked for again.
  await removeEntry(change, from.dir, await required(change, from.dir, from.name, operation));
  if (moved.isDirectory && fromIno !== toIno) {
    await setParent(change, moved, toIno);
    dropSubdirectory(from.dir);
  } else if (moved.isDirectory && target !== undefined) dropSubdirectory(from.dir);
  moved.setTime('ctime', change.now);
  touch(change, from.dir);
  touch(change, to.dir);
}

/** The same entry under a name that differs in case only (casefold), or not at all. */
async function renameCase(change: Change, from: Side, source: FoundEntry, name: Uint8Array): Promise<void> {
  if (new TextDecoder().decode(from.name) === new TextDecoder().decode(name)) return;
  await removeEntry(change, from.dir, source);
  await addEntry(change, from.dir, { ino: source.ino, name, fileType: source.fileType });
  touch(change, from.dir);
}

/** The target's entry gets the moved inode; what it led to loses a link. Keeps the parents' link counts as if a name was added. */
async function replaceTarget(change: Change, to: Side, target: FoundEntry, moved: Inode): Promise<void> {
  const operation = 'rename';
  const old = await change.volume.inodes.read(target.ino);
  refuseIf(old, FROZEN, operation);
  refuseIf(to.dir, FL.APPEND, operation);
  if (moved.isDirectory && !old.isDirectory) throw new FsError('ENOTDIR', { operation });
  if (!moved.isDirectory && old.isDirectory) throw new FsError('EISDIR', { operation });
  if (old.isDirectory && !(await isEmpty(change, old))) throw new FsError('ENOTEMPTY', { operation });
  await changeEntry(change, to.dir, target, { ino: moved.ino, fileType: fileTypeOf(change, moved.mode) });
  if (!old.isDirectory) return dropLink(change, old.ino);
  const gone = await change.volume.inodes.modify(old.ino);
  gone.setTime('ctime', change.now);
  await deleteInode(change, gone);
}

/** A directory must not move below itself. @throws FsError EINVAL */
async function refuseOwnSubtree(change: Change, moved: number, into: number): Promise<void> {
  if (!(await isAncestor(change, moved, into))) return;
  throw new FsError('EINVAL', { operation: 'rename', reason: 'a directory cannot move into itself' });
}

/** Whether `ancestor` is the directory `ino` or above it. */
async function isAncestor(change: Change, ancestor: number, ino: number): Promise<boolean> {
  const seen = new Set<number>();
  for (let at = ino; !seen.has(at); ) {
    if (at === ancestor) return true;
    if (at === INO_ROOT) return false;
    seen.add(at);
    const inode = await change.volume.inodes.read(at);
    if (!inode.isDirectory) return false;
    at = await parentOf(change, inode);
  }
  return false;
}

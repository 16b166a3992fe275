import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '@vmcraft/core/contracts';
import type { Change } from './change.js';
import { ExtentNode } from './extent-node.js';
import type { Inode } from './inode.js';
import { FL, FL_INHERITED, INCOMPAT, INODE_SIZE_GOOD_OLD, inodeLayout } from './layout.js';

/** Bytes of the extra part that new inodes use: all fields defined (`i_projid` is the last). */
const EXTRA_SIZE = inodeLayout.size - INODE_SIZE_GOOD_OLD;
/** Inherited flags that only mean something on directories. */
const DIRECTORY_ONLY = FL.DIRSYNC | FL.TOPDIR | FL.CASEFOLD | FL.PROJINHERIT;

/** What a new inode is. */
export interface InodeInit {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev?: { readonly major: number; readonly minor: number };
  /** The directory it is made in, for what is inherited. */
  readonly parent?: Inode;
}

/** Fill in an allocated inode: times, owner, an empty block map, what its directory passes on. No links yet. */
export async function initInode(change: Change, ino: number, init: InodeInit): Promise<Inode> {
  const { volume, now } = change;
  const inode = await volume.inodes.fresh(ino);
  const type = init.mode & S_IFMT;
  inode.mode = init.mode;
  inode.uid = init.uid;
  inode.gid = init.gid;
  if (inode.raw.length > INODE_SIZE_GOOD_OLD) {
    inode.extraSize = Math.min(EXTRA_SIZE, inode.raw.length - INODE_SIZE_GOOD_OLD);
  }
  for (const which of ['atime', 'ctime', 'mtime'] as const) inode.setTime(which, now);
  inode.crtime = now;
  inode.generation = Math.floor(Math.random() * 0x100000000);
  if (init.parent !== undefined) inherit(inode, init.parent, type);
  const hasMap = type === S_IFREG || type === S_IFDIR || type === S_IFLNK;
  if (hasMap && volume.superblock.hasIncompat(INCOMPAT.EXTENTS)) startExtents(inode);
  if ((type === S_IFCHR || type === S_IFBLK) && init.rdev !== undefined) inode.rdev = init.rdev;
  return inode;
}

/** Give an inode an empty extent tree. */
export function startExtents(inode: Inode): void {
  inode.flags |= FL.EXTENTS;
  inode.block.fill(0);
  new ExtentNode(0, inode.block).init(0, 4);
}

function inherit(inode: Inode, parent: Inode, type: number): void {
  let flags = parent.flags & FL_INHERITED;
  if (type === S_IFREG) flags &= ~DIRECTORY_ONLY;
  else if (type !== S_IFDIR) flags &= FL.NODUMP | FL.NOATIME;
  inode.flags = flags;
  if (parent.has(FL.PROJINHERIT)) inode.projectId = parent.projectId;
}

import { S_IFDIR, S_IFREG } from '@vmcraft/core/contracts';
import { BlockMapEditor } from './block-map-edit.js';
import type { Change } from './change.js';
import type { Inode } from './inode.js';
import { FL } from './layout.js';
import { isFastSymlink } from './symlink.js';
import { XattrEditor } from './xattr-write.js';

/** Whether an inode has a map of blocks. */
export function hasBlockMap(change: Change, inode: Inode): boolean {
  if (inode.has(FL.INLINE_DATA)) return false;
  if (inode.isSymlink) return !isFastSymlink(change.volume, inode);
  return inode.type === S_IFREG || inode.type === S_IFDIR;
}

/** Free an inode nobody links to any more, with its blocks and attributes. The inode must be one to change. */
export async function deleteInode(change: Change, inode: Inode): Promise<void> {
  const isDirectory = inode.isDirectory;
  const mapped = hasBlockMap(change, inode);
  await new XattrEditor(change, inode).releaseAll();
  if (mapped) {
    const map = new BlockMapEditor(change, inode);
    await map.release(0, map.maxBlocks);
  }
  inode.size = 0;
  inode.links = 0;
  inode.dtime = Math.max(change.now.sec, 1);
  await change.inodes.free(inode.ino, isDirectory);
}

import { decodeFileName } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { readContent, requireReadable } from './file-data.js';
import type { Inode } from './inode.js';
import { FL, I_BLOCK_SIZE, INCOMPAT } from './layout.js';
import type { Volume } from './volume.js';

/** Whether a symbolic link keeps its target in `i_block`, "Symbolic Links". */
export function isFastSymlink(volume: Volume, inode: Inode): boolean {
  if (!inode.isSymlink || inode.has(FL.EXTENTS) || inode.has(FL.INLINE_DATA)) return false;
  if (inode.size >= I_BLOCK_SIZE) return false;
  // Values of attributes in inodes of their own count as blocks too; such file systems are new enough to go by the size alone.
  if (volume.superblock.hasIncompat(INCOMPAT.EA_INODE)) return true;
  const own = inode.attributeBlock === 0 ? 0 : volume.geometry.clusterSize / 512;
  return inode.blocks <= own;
}

/** The target of a symbolic link. @throws CorruptImageError, UnsupportedFeatureError when it is encrypted */
export async function readSymlink(volume: Volume, inode: Inode): Promise<string> {
  requireReadable(inode);
  if (isFastSymlink(volume, inode)) return decodeFileName(inode.block.subarray(0, inode.size));
  if (inode.size > volume.geometry.blockSize) {
    const reason = `symbolic link inode ${inode.ino} of ${inode.size} bytes`;
    throw new CorruptImageError({ structure: 'ext4_inode', field: 'i_size', found: inode.size, reason });
  }
  const target = await readContent(volume, inode, 0, inode.size);
  const end = target.indexOf(0);
  return decodeFileName(end < 0 ? target : target.subarray(0, end));
}

import { viewOf } from '@vmcraft/core/binary';
import type { FsStatvfs } from '@vmcraft/core/contracts';
import { baseBlocksOf } from './geometry.js';
import { COMPAT, NAME_MAX } from './layout.js';
import type { Volume } from './volume.js';

/** Blocks that never hold files: superblocks, descriptors, bitmaps, inode tables and the journal. */
async function overheadBlocks(volume: Volume): Promise<number> {
  const { geometry, superblock } = volume;
  const stored = superblock.fields.overheadClusters;
  if (stored !== 0) return stored * geometry.clusterRatio;
  let blocks = geometry.firstDataBlock + geometry.groupCount * (2 + geometry.inodeTableBlocks);
  for (let group = 0; group < geometry.groupCount; group++) blocks += baseBlocksOf(geometry, group);
  if (superblock.has(COMPAT.HAS_JOURNAL) && superblock.fields.journalInode !== 0) {
    const journal = await volume.inodes.read(superblock.fields.journalInode);
    blocks += Math.min(Math.ceil(journal.size / geometry.blockSize), geometry.blocksCount);
  }
  return blocks;
}

/** What statvfs(3) gives, as Linux counts it: the total without the file system's own blocks. */
export async function statfsOf(volume: Volume): Promise<FsStatvfs> {
  const { geometry, superblock } = volume;
  const uuid = viewOf(superblock.raw.subarray(0x68, 0x78));
  const free = superblock.freeBlocks;
  return {
    blockSize: geometry.blockSize,
    fragmentSize: geometry.blockSize,
    blocks: Math.max(0, geometry.blocksCount - (await overheadBlocks(volume))),
    blocksFree: free * geometry.clusterRatio,
    blocksAvailable: Math.max(0, free * geometry.clusterRatio - superblock.reservedBlocks),
    files: geometry.inodesCount,
    filesFree: superblock.get('freeInodes'),
    fsid: uuid.getBigUint64(0, true) ^ uuid.getBigUint64(8, true),
    nameMax: NAME_MAX,
  };
}

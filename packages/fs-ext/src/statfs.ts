import { viewOf } from '@vmcraft/core/binary';
import type { FsStatvfs } from '@vmcraft/core/contracts';
import { baseBlocksOf } from './geometry.js';
import { COMPAT, INCOMPAT, NAME_MAX } from './layout.js';
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

/** Blocks that Linux keeps back for metadata of files with extents: 2 %, at most 4096 clusters. */
function kernelReserve({ geometry, superblock }: Volume): number {
  if (!superblock.hasIncompat(INCOMPAT.EXTENTS)) return 0;
  return Math.min(Math.floor(geometry.blocksCount / geometry.clusterRatio / 50), 4096) * geometry.clusterRatio;
}

/** What statvfs(3) gives, as Linux counts it: the total without the file system's own blocks. */
export async function statfsOf(volume: Volume): Promise<FsStatvfs> {
  const { geometry, superblock } = volume;
  const uuid = viewOf(superblock.raw.subarray(0x68, 0x78));
  const free = superblock.freeBlocks;
  const kept = superblock.reservedBlocks + kernelReserve(volume);
  return {
    blockSize: geometry.blockSize,
    fragmentSize: geometry.blockSize,
    blocks: Math.max(0, geometry.blocksCount - (await overheadBlocks(volume))),
    blocksFree: free,
    blocksAvailable: Math.max(0, free - kept),
    files: geometry.inodesCount,
    filesFree: superblock.get('freeInodes'),
    fsid: uuid.getBigUint64(0, true) ^ uuid.getBigUint64(8, true),
    nameMax: NAME_MAX,
  };
}

import { FsError } from '@vmcraft/core/errors';
import { blocksInGroup, firstBlockOf, type Geometry, groupOfBlock, hasSuperblock } from './geometry.js';
import { COMPAT, INCOMPAT } from './layout.js';
import { Superblock } from './superblock.js';

/** Blocks a short last group must offer beyond its own tables, or it is given up. */
const LAST_GROUP_MINIMUM = 50;

/** How descriptor blocks change: how many stay reserved, and whether new ones go into meta groups. */
interface DescriptorPlan {
  /** The resize inode stays. Without it the feature goes, too. */
  readonly resizeInode: boolean;
  readonly reservedGdtBlocks: number;
  readonly metaBg: boolean;
  readonly firstMetaGroup: number;
}

/** Blocks of a file system of about `blocks`, less a last group that would be too short for its own tables. */
function usableBlocks(g: Geometry, blocks: number, reservedGdt: number): number {
  const count = blocks - (blocks % g.clusterRatio);
  const rest = (count - g.firstDataBlock) % g.blocksPerGroup;
  if (rest === 0) return count;
  const last = Math.floor((count - g.firstDataBlock) / g.blocksPerGroup);
  const descriptorBlocks = Math.ceil((last + 1) / g.descriptorsPerBlock);
  const backup = hasSuperblock(g, last) ? 1 + descriptorBlocks + reservedGdt : 0;
  const needed = 2 + g.inodeTableBlocks + backup + LAST_GROUP_MINIMUM;
  if (rest >= needed) return count;
  if (last === 0) throw new FsError('EINVAL', { operation: 'resize', reason: 'too small for its own tables' });
  return count - rest;
}

/** Once the reserved blocks are used up, new descriptors go into meta groups, as the kernel does it (ext4_convert_meta_bg). */
function descriptorPlan(superblock: Superblock, groupCount: number): DescriptorPlan {
  const g = superblock.geometry;
  const reserved = g.reservedGdtBlocks;
  const extra = Math.ceil(groupCount / g.descriptorsPerBlock) - g.descriptorBlocks;
  const resizeInode = superblock.has(COMPAT.RESIZE_INODE);
  const same = { resizeInode, metaBg: g.metaBg, firstMetaGroup: g.firstMetaGroup };
  if (g.metaBg) {
    // A first meta group beyond the last one would be no valid superblock.
    const firstMetaGroup = Math.min(g.firstMetaGroup, g.descriptorBlocks + extra);
    return { ...same, reservedGdtBlocks: reserved, firstMetaGroup };
  }
  if (extra <= reserved) {
    const kept = resizeInode ? Math.min(reserved - extra, g.blockSize / 4) : reserved;
    return { reservedGdtBlocks: kept, ...same };
  }
  return { resizeInode: false, reservedGdtBlocks: 0, metaBg: true, firstMetaGroup: g.descriptorBlocks + reserved };
}

/**
 * The superblock of a file system after it was given `blocks` blocks; free counts are still the old ones.
 * @throws FsError EINVAL when that is too small or beyond the format
 */
export function resizedSuperblock(superblock: Superblock, blocks: number, now: number): Superblock {
  const g = superblock.geometry;
  if (blocks > 0xffffffff && !superblock.hasIncompat(INCOMPAT.BIT64)) {
    throw new FsError('EINVAL', { operation: 'resize', reason: `${blocks} blocks need the feature 64bit` });
  }
  const blocksCount = usableBlocks(g, blocks, g.reservedGdtBlocks);
  const groupCount = Math.ceil((blocksCount - g.firstDataBlock) / g.blocksPerGroup);
  const inodesCount = groupCount * g.inodesPerGroup;
  if (inodesCount > 0xffffffff) throw new FsError('EINVAL', { operation: 'resize', reason: 'too many inodes' });
  const plan = descriptorPlan(superblock, groupCount);
  const reserved = Math.floor((superblock.reservedBlocks / g.blocksCount) * blocksCount);
  const raw = superblock.raw.slice();
  const next = new Superblock(raw);
  const featureIncompat = superblock.get('featureIncompat') | (plan.metaBg ? INCOMPAT.META_BG : 0);
  const featureCompat = superblock.get('featureCompat') & (plan.resizeInode ? -1 : ~COMPAT.RESIZE_INODE);
  next.set({
    featureCompat: featureCompat >>> 0,
    blocksCountLo: blocksCount >>> 0,
    blocksCountHi: Math.floor(blocksCount / 0x100000000),
    inodesCount,
    reservedBlocksLo: reserved >>> 0,
    reservedBlocksHi: Math.floor(reserved / 0x100000000),
    reservedGdtBlocks: plan.reservedGdtBlocks,
    featureIncompat: featureIncompat >>> 0,
    firstMetaGroup: plan.firstMetaGroup,
    // The kernel works it out anew when it is zero.
    overheadClusters: 0,
    writeTime: now >>> 0,
  });
  return new Superblock(raw);
}

/** Clusters of a group. */
export function clustersIn(g: Geometry, group: number): number {
  return Math.ceil(blocksInGroup(g, group) / g.clusterRatio);
}

/** Bit of a block in its group's bitmap. */
export function bitOf(g: Geometry, block: number): number {
  return Math.floor((block - firstBlockOf(g, groupOfBlock(g, block))) / g.clusterRatio);
}

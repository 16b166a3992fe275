import { CorruptImageError } from '@vmcraft/core/errors';
import {
  COMPAT,
  DESCRIPTOR_SIZE_32,
  INCOMPAT,
  INO_FIRST_GOOD_OLD,
  INODE_SIZE_GOOD_OLD,
  REV_GOOD_OLD,
  RO_COMPAT,
  SUPERBLOCK_OFFSET,
  type SuperblockFields,
} from './layout.js';

/** Sizes and counts that follow from the superblock and never change while a file system is open. */
export interface Geometry {
  /** Bytes. */
  readonly blockSize: number;
  /** Bytes; the block size without bigalloc. */
  readonly clusterSize: number;
  /** Blocks in a cluster. */
  readonly clusterRatio: number;
  readonly blocksCount: number;
  readonly inodesCount: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly clustersPerGroup: number;
  readonly inodesPerGroup: number;
  readonly groupCount: number;
  /** Bytes of an inode record. */
  readonly inodeSize: number;
  readonly inodesPerBlock: number;
  /** Blocks of one group's inode table. */
  readonly inodeTableBlocks: number;
  /** Bytes of a group descriptor. */
  readonly descriptorSize: number;
  readonly descriptorsPerBlock: number;
  /** Blocks that all descriptors fill. */
  readonly descriptorBlocks: number;
  /** First inode for files. */
  readonly firstInode: number;
  /** Block that holds the primary superblock. */
  readonly superblockBlock: number;
  readonly reservedGdtBlocks: number;
  readonly metaBg: boolean;
  readonly firstMetaGroup: number;
  readonly sparseSuper: boolean;
  /** The two groups with backups (sparse_super2), else undefined. */
  readonly backupGroups: readonly [number, number] | undefined;
  /** Groups whose bitmaps and inode tables lie together (flex_bg), else 1. */
  readonly groupsPerFlex: number;
}

const CITE = 'ext4 Data Structures and Algorithms, The Super Block';

function bad(field: keyof SuperblockFields, found: unknown, reason: string): CorruptImageError {
  return new CorruptImageError({
    structure: 'ext4_super_block',
    field,
    offset: SUPERBLOCK_OFFSET,
    found,
    reason,
    citation: CITE,
  });
}

/**
 * The geometry a superblock describes.
 * @throws CorruptImageError when the fields contradict each other or the format's bounds
 */
export function geometryOf(fields: SuperblockFields): Geometry {
  if (fields.logBlockSize > 6)
    throw bad('logBlockSize', fields.logBlockSize, `block size 2^${10 + fields.logBlockSize}`);
  const blockSize = 1024 << fields.logBlockSize;
  const dynamic = fields.revision !== REV_GOOD_OLD;
  const inodeSize = dynamic ? fields.inodeSize : INODE_SIZE_GOOD_OLD;
  if (inodeSize < INODE_SIZE_GOOD_OLD || inodeSize > blockSize || (inodeSize & (inodeSize - 1)) !== 0) {
    throw bad('inodeSize', inodeSize, `inode size ${inodeSize}`);
  }
  const clusterRatio = clusterRatioOf(fields, blockSize);
  const groups = groupsOf(fields, blockSize, clusterRatio);
  const inodesPerBlock = blockSize / inodeSize;
  if (fields.inodesPerGroup < inodesPerBlock || fields.inodesPerGroup > blockSize * 8) {
    throw bad('inodesPerGroup', fields.inodesPerGroup, `${fields.inodesPerGroup} inodes per group`);
  }
  if (fields.inodesCount !== fields.inodesPerGroup * groups.groupCount) {
    const want = fields.inodesPerGroup * groups.groupCount;
    throw bad('inodesCount', fields.inodesCount, `${fields.inodesCount} inodes where the groups hold ${want}`);
  }
  const descriptorSize = descriptorSizeOf(fields, blockSize);
  const sparse2 = (fields.featureCompat & COMPAT.SPARSE_SUPER2) !== 0;
  const flex = (fields.featureIncompat & INCOMPAT.FLEX_BG) !== 0 && fields.logGroupsPerFlex < 31;
  return {
    blockSize,
    clusterSize: blockSize * clusterRatio,
    clusterRatio,
    ...groups,
    inodesCount: fields.inodesCount,
    firstDataBlock: fields.firstDataBlock,
    inodesPerGroup: fields.inodesPerGroup,
    inodeSize,
    inodesPerBlock,
    inodeTableBlocks: Math.ceil(fields.inodesPerGroup / inodesPerBlock),
    descriptorSize,
    descriptorsPerBlock: blockSize / descriptorSize,
    descriptorBlocks: Math.ceil((groups.groupCount * descriptorSize) / blockSize),
    firstInode: dynamic ? fields.firstInode : INO_FIRST_GOOD_OLD,
    superblockBlock: Math.floor(SUPERBLOCK_OFFSET / blockSize),
    reservedGdtBlocks: fields.reservedGdtBlocks,
    metaBg: (fields.featureIncompat & INCOMPAT.META_BG) !== 0,
    firstMetaGroup: fields.firstMetaGroup,
    sparseSuper: (fields.featureRoCompat & RO_COMPAT.SPARSE_SUPER) !== 0,
    backupGroups: sparse2 ? [fields.backupGroups[0]!, fields.backupGroups[1]!] : undefined,
    groupsPerFlex: flex ? 2 ** fields.logGroupsPerFlex : 1,
  };
}

function clusterRatioOf(fields: SuperblockFields, blockSize: number): number {
  const bigalloc = (fields.featureRoCompat & RO_COMPAT.BIGALLOC) !== 0;
  if (!bigalloc) return 1;
  if (fields.logClusterSize < fields.logBlockSize || fields.logClusterSize > 20) {
    throw bad('logClusterSize', fields.logClusterSize, `cluster size 2^${10 + fields.logClusterSize}`);
  }
  const ratio = 2 ** (fields.logClusterSize - fields.logBlockSize);
  if (fields.clustersPerGroup === 0 || fields.clustersPerGroup > blockSize * 8) {
    throw bad('clustersPerGroup', fields.clustersPerGroup, `${fields.clustersPerGroup} clusters per group`);
  }
  if (fields.blocksPerGroup !== fields.clustersPerGroup * ratio) {
    throw bad('blocksPerGroup', fields.blocksPerGroup, 'blocks and clusters per group disagree');
  }
  return ratio;
}

function groupsOf(
  fields: SuperblockFields,
  blockSize: number,
  ratio: number,
): Pick<Geometry, 'blocksCount' | 'blocksPerGroup' | 'clustersPerGroup' | 'groupCount'> {
  const wide = (fields.featureIncompat & INCOMPAT.BIT64) !== 0;
  const blocksCount = fields.blocksCountLo + (wide ? fields.blocksCountHi * 0x100000000 : 0);
  if (!Number.isSafeInteger(blocksCount * blockSize)) throw bad('blocksCountLo', blocksCount, `${blocksCount} blocks`);
  const { blocksPerGroup } = fields;
  if (blocksPerGroup < 8 || blocksPerGroup > blockSize * 8 * ratio || blocksPerGroup % 8 !== 0) {
    throw bad('blocksPerGroup', blocksPerGroup, `${blocksPerGroup} blocks per group`);
  }
  if (fields.firstDataBlock >= blocksCount || fields.firstDataBlock > 1) {
    throw bad('firstDataBlock', fields.firstDataBlock, `first data block ${fields.firstDataBlock} of ${blocksCount}`);
  }
  return {
    blocksCount,
    blocksPerGroup,
    clustersPerGroup: blocksPerGroup / ratio,
    groupCount: Math.ceil((blocksCount - fields.firstDataBlock) / blocksPerGroup),
  };
}

function descriptorSizeOf(fields: SuperblockFields, blockSize: number): number {
  if ((fields.featureIncompat & INCOMPAT.BIT64) === 0) return DESCRIPTOR_SIZE_32;
  const size = fields.descriptorSize;
  if (size < 64 || size > blockSize || (size & (size - 1)) !== 0) {
    throw bad('descriptorSize', size, `group descriptors of ${size} bytes`);
  }
  return size;
}

/** Whether a group starts with a copy of the superblock (sparse_super, sparse_super2). */
export function hasSuperblock(g: Geometry, group: number): boolean {
  if (group === 0) return true;
  if (g.backupGroups !== undefined) return g.backupGroups.includes(group);
  if (group === 1 || !g.sparseSuper) return true;
  if (group % 2 === 0) return false;
  return [3, 5, 7].some((base) => isPowerOf(base, group));
}

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

/** First block of a group. */
export function firstBlockOf(g: Geometry, group: number): number {
  return g.firstDataBlock + group * g.blocksPerGroup;
}

/** Blocks in a group: the last one may be short. */
export function blocksInGroup(g: Geometry, group: number): number {
  return Math.min(g.blocksPerGroup, g.blocksCount - firstBlockOf(g, group));
}

/** Group a block lies in. */
export function groupOfBlock(g: Geometry, block: number): number {
  return Math.floor((block - g.firstDataBlock) / g.blocksPerGroup);
}

/** Whether descriptor block `index` follows the meta_bg placement. */
function usesMetaBg(g: Geometry, index: number): boolean {
  return g.metaBg && index >= g.firstMetaGroup;
}

/** Block of the primary copy of descriptor block `index`, "Meta Block Groups". */
export function descriptorBlockAt(g: Geometry, index: number): number {
  if (!usesMetaBg(g, index)) return g.superblockBlock + 1 + index;
  const group = g.descriptorsPerBlock * index;
  let skip = hasSuperblock(g, group) ? 1 : 0;
  if (g.blockSize === 1024 && index === 0 && g.firstDataBlock === 0) skip += 1;
  return firstBlockOf(g, group) + skip;
}

/** Blocks at the start of a group that superblock, descriptors and reserved descriptor blocks take. */
export function baseBlocksOf(g: Geometry, group: number): number {
  const own = hasSuperblock(g, group) ? 1 : 0;
  const index = Math.floor(group / g.descriptorsPerBlock);
  if (!usesMetaBg(g, index)) {
    if (own === 0) return 0;
    const count = g.metaBg ? Math.min(g.firstMetaGroup, g.descriptorBlocks) : g.descriptorBlocks;
    return own + count + g.reservedGdtBlocks + shiftOfGroup0(g, group);
  }
  const slot = group % g.descriptorsPerBlock;
  const holds = slot === 0 || slot === 1 || slot === g.descriptorsPerBlock - 1;
  return own + (holds ? 1 : 0) + shiftOfGroup0(g, group);
}

/** With 1 KiB blocks and bigalloc, block 0 is part of group 0 and the superblock is block 1. */
function shiftOfGroup0(g: Geometry, group: number): number {
  return group === 0 && g.superblockBlock > g.firstDataBlock ? 1 : 0;
}

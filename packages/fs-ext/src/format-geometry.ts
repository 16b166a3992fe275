import { crc32cRaw } from '@vmcraft/core/binary';
import { UsageError } from '@vmcraft/core/errors';
import type { FormatRequest } from './format-request.js';
import { type Geometry, hasSuperblock } from './geometry.js';
import {
  CHECKSUM_CRC32C,
  COMPAT,
  DESCRIPTOR_SIZE_32,
  DESCRIPTOR_SIZE_64,
  ENCODING_UTF8_12_1,
  EXT_MAGIC,
  FLAG_SIGNED_HASH,
  FLAG_TEST_FILESYS,
  HASH,
  INCOMPAT,
  INO_FIRST_GOOD_OLD,
  INODE_SIZE_GOOD_OLD,
  REV_DYNAMIC,
  RO_COMPAT,
  STATE_VALID,
  SUPERBLOCK_SIZE,
  superblockLayout,
} from './layout.js';
import { Superblock } from './superblock.js';

/** `bg_free_blocks_count` and its kin have 16 bits, so a group stays just below. */
const MAX_UNITS_PER_GROUP = 65528;
/** Blocks a short last group must offer beyond its own tables, or it is given up. */
const LAST_GROUP_MINIMUM = 50;
/** Bytes of `struct ext2_inode_large` beyond the first 128. */
const EXTRA_ISIZE = 32;
/** `s_default_mount_opts`: user_xattr and acl. */
const DEFAULT_MOUNT_OPTIONS = 0x000c;
/** The resize inode leaves room to grow by this factor. */
const GROWTH = 1024;
/** Root, lost+found and the reserved inodes need this many. */
const MIN_INODES = 16;

/** The counts that follow from a request. */
interface Counts {
  readonly blocksCount: number;
  readonly blocksPerGroup: number;
  readonly groupCount: number;
  readonly inodesPerGroup: number;
  readonly reservedGdtBlocks: number;
}

const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

function firstDataBlockOf(request: FormatRequest): number {
  return request.clusterSize === 1024 ? 1 : 0;
}

function descriptorSizeOf(request: FormatRequest): number {
  return (request.features.incompat & INCOMPAT.BIT64) !== 0 ? DESCRIPTOR_SIZE_64 : DESCRIPTOR_SIZE_32;
}

function blocksPerGroupOf(request: FormatRequest): number {
  const ratio = request.clusterSize / request.blockSize;
  const most = Math.min(request.blockSize * 8, MAX_UNITS_PER_GROUP) * ratio;
  const wanted = request.blocksPerGroup ?? most;
  if (wanted > most || wanted % (8 * ratio) !== 0) {
    throw new UsageError(`${wanted} blocks per group is no multiple of ${8 * ratio} up to ${most}`, {
      argument: 'blockspergroup',
    });
  }
  return wanted;
}

function inodesPerGroupOf(request: FormatRequest, groupCount: number): number {
  const perBlock = request.blockSize / request.inodeSize;
  const wanted = ceilDiv(Math.max(request.inodesWanted, MIN_INODES), groupCount);
  const most = request.blockSize * 8;
  if (wanted > most) {
    throw new UsageError(`${request.inodesWanted} inodes are more than ${groupCount} groups of ${most} hold`, {
      argument: 'numberofinodes',
    });
  }
  const filled = ceilDiv(wanted, perBlock) * perBlock;
  return Math.max(8, filled - (filled % 8));
}

/** Descriptor blocks to keep free after the descriptors, for growing. */
function reservedGdtOf(
  request: FormatRequest,
  blocksCount: number,
  blocksPerGroup: number,
  descriptorBlocks: number,
): number {
  if ((request.features.compat & COMPAT.RESIZE_INODE) === 0) return 0;
  const perBlock = request.blockSize / descriptorSizeOf(request);
  const limit = request.resizeLimit ?? Math.min(blocksCount * GROWTH, 0xffffffff);
  const groups = ceilDiv(limit - (request.resizeLimit === undefined ? firstDataBlockOf(request) : 0), blocksPerGroup);
  const wanted = ceilDiv(groups, perBlock) - descriptorBlocks;
  return Math.max(0, Math.min(wanted, request.blockSize / 4));
}

/** Group that `s_backup_bgs` of sparse_super2 names last, or 0. */
function backupGroupsOf(request: FormatRequest, groupCount: number): [number, number] {
  if ((request.features.compat & COMPAT.SPARSE_SUPER2) === 0) return [0, 0];
  return [groupCount > 1 ? 1 : 0, groupCount > 2 ? groupCount - 1 : 0];
}

function countsOf(request: FormatRequest): Counts {
  const first = firstDataBlockOf(request);
  const blocksPerGroup = blocksPerGroupOf(request);
  const perBlock = request.blockSize / descriptorSizeOf(request);
  const ratio = request.clusterSize / request.blockSize;
  let blocksCount = request.blocksCount - (request.blocksCount % ratio);
  const reservedGdt = reservedGdtOf(
    request,
    blocksCount,
    blocksPerGroup,
    ceilDiv(ceilDiv(blocksCount - first, blocksPerGroup), perBlock),
  );
  for (;;) {
    const groupCount = ceilDiv(blocksCount - first, blocksPerGroup);
    if (groupCount < 1) throw tooSmall(request);
    const inodesPerGroup = inodesPerGroupOf(request, groupCount);
    const descriptorBlocks = ceilDiv(groupCount, perBlock);
    const reservedGdtBlocks = Math.max(0, Math.min(reservedGdt, request.blockSize / 4));
    const tables = 2 + ceilDiv(inodesPerGroup * request.inodeSize, request.blockSize);
    const backup = lastGroupHasBackup(request, groupCount) ? 1 + descriptorBlocks + reservedGdtBlocks : 0;
    const rest = (blocksCount - first) % blocksPerGroup;
    if (groupCount === 1 && rest !== 0 && rest < tables + backup) throw tooSmall(request);
    if (rest === 0 || rest >= tables + backup + LAST_GROUP_MINIMUM || groupCount === 1) {
      return { blocksCount, blocksPerGroup, groupCount, inodesPerGroup, reservedGdtBlocks };
    }
    blocksCount -= rest;
  }
}

function lastGroupHasBackup(request: FormatRequest, groupCount: number): boolean {
  if ((request.features.compat & COMPAT.SPARSE_SUPER2) !== 0) return false;
  const sparseSuper = (request.features.roCompat & RO_COMPAT.SPARSE_SUPER) !== 0;
  return hasSuperblock({ backupGroups: undefined, sparseSuper } as Geometry, groupCount - 1);
}

function tooSmall(request: FormatRequest): UsageError {
  return new UsageError(
    `${request.blocksCount} blocks of ${request.blockSize} bytes are too small for the file system's own tables`,
    {
      argument: 'size',
    },
  );
}

function paddedText(text: string, length: number, argument: string): Uint8Array {
  const raw = new TextEncoder().encode(text);
  if (raw.length > length) throw new UsageError(`${argument} '${text}' is longer than ${length} bytes`, { argument });
  return raw;
}

/**
 * The superblock of a new file system, without free counts and what the special files add.
 * @throws UsageError when the device is too small or the numbers do not fit together
 */
export function newSuperblock(request: FormatRequest): Superblock {
  const counts = countsOf(request);
  const { features, now } = request;
  const reserved = Math.floor((counts.blocksCount * request.reservedPercent) / 100);
  const view = new DataView(request.hashSeed.buffer, request.hashSeed.byteOffset, 16);
  const high = Math.floor(now / 0x100000000) & 0xff;
  const raw = superblockLayout.encode({
    inodesCount: counts.inodesPerGroup * counts.groupCount,
    blocksCountLo: counts.blocksCount >>> 0,
    blocksCountHi: Math.floor(counts.blocksCount / 0x100000000),
    reservedBlocksLo: reserved >>> 0,
    reservedBlocksHi: Math.floor(reserved / 0x100000000),
    firstDataBlock: firstDataBlockOf(request),
    logBlockSize: Math.log2(request.blockSize / 1024),
    logClusterSize: Math.log2(request.clusterSize / 1024),
    blocksPerGroup: counts.blocksPerGroup,
    clustersPerGroup: counts.blocksPerGroup / (request.clusterSize / request.blockSize),
    inodesPerGroup: counts.inodesPerGroup,
    ...{
      writeTime: now >>> 0,
      writeTimeHi: high,
      lastCheck: now >>> 0,
      lastCheckHi: high,
      makeTime: now >>> 0,
      makeTimeHi: high,
    },
    maxMountCount: 0xffff,
    magic: EXT_MAGIC,
    state: STATE_VALID,
    errors: 1,
    creatorOs: request.creatorOs,
    revision: REV_DYNAMIC,
    firstInode: INO_FIRST_GOOD_OLD,
    inodeSize: request.inodeSize,
    featureCompat: features.compat,
    featureIncompat: features.incompat,
    featureRoCompat: features.roCompat,
    uuid: request.uuid,
    volumeName: paddedText(request.label, 16, 'label'),
    lastMounted: paddedText(request.lastMounted, 63, 'lastmounteddir'),
    reservedGdtBlocks: counts.reservedGdtBlocks,
    hashSeed: [0, 4, 8, 12].map((at) => view.getUint32(at, true)),
    defaultHashVersion: HASH.HALF_MD4,
    defaultMountOptions: DEFAULT_MOUNT_OPTIONS,
    flags: FLAG_SIGNED_HASH | (request.testFilesystem ? FLAG_TEST_FILESYS : 0),
    raidStride: request.raidStride,
    raidStripeWidth: request.raidStripeWidth,
    mmpInterval: request.mmpInterval,
    logGroupsPerFlex: request.logGroupsPerFlex,
    backupGroups: backupGroupsOf(request, counts.groupCount),
    ...conditionalFields(request),
  });
  return new Superblock(raw.length === SUPERBLOCK_SIZE ? raw : raw.slice(0, SUPERBLOCK_SIZE));
}

/** Fields that only some features use. */
function conditionalFields(request: FormatRequest): Parameters<typeof superblockLayout.encode>[0] {
  const { incompat, roCompat } = request.features;
  const extra = request.inodeSize > INODE_SIZE_GOOD_OLD ? EXTRA_ISIZE : 0;
  return {
    minExtraInodeSize: extra,
    wantExtraInodeSize: extra,
    descriptorSize: (incompat & INCOMPAT.BIT64) !== 0 ? DESCRIPTOR_SIZE_64 : 0,
    checksumSeed: (incompat & INCOMPAT.CSUM_SEED) !== 0 ? crc32cRaw(0xffffffff, request.uuid) : 0,
    checksumType: (roCompat & RO_COMPAT.METADATA_CSUM) !== 0 ? CHECKSUM_CRC32C : 0,
    encoding: (incompat & INCOMPAT.CASEFOLD) !== 0 ? ENCODING_UTF8_12_1 : 0,
    // AES-256-XTS for contents, AES-256-CTS for names: the two every kernel has.
    encryptAlgorithms: (incompat & INCOMPAT.ENCRYPT) !== 0 ? Uint8Array.of(1, 4, 0, 0) : new Uint8Array(4),
  };
}

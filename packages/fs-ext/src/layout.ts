/**
 * On-disk structures of ext2, ext3 and ext4: superblock and group descriptor.
 * Specification: the Linux kernel's "ext4 Data Structures and Algorithms" (Documentation/filesystems/ext4), sections
 * "The Super Block" and "Block Group Descriptors". All integers are little-endian, except the journal's.
 */
import { array, bytes, struct, u8, u16le, u32le, u64le } from '@vmcraft/core/binary';

export * from './layout-directory.js';
export * from './layout-features.js';
export * from './layout-inode.js';
export * from './layout-journal.js';
export * from './layout-xattr.js';

/** Byte offset of the primary superblock on the device. */
export const SUPERBLOCK_OFFSET = 1024;
/** Bytes of a superblock. */
export const SUPERBLOCK_SIZE = 1024;
/** `s_magic`. */
export const EXT_MAGIC = 0xef53;

/** `s_state`: cleanly unmounted, errors found, orphans being recovered. */
export const STATE_VALID = 0x0001;
export const STATE_ERROR = 0x0002;
export const STATE_ORPHANS = 0x0004;

/** `s_creator_os`. */
export const CREATOR_LINUX = 0;
export const CREATOR_HURD = 1;

/** `s_rev_level`: 0 has fixed inode size and first inode. */
export const REV_GOOD_OLD = 0;
export const REV_DYNAMIC = 1;

/** `s_flags`: signedness of the directory hash, test code. */
export const FLAG_SIGNED_HASH = 0x0001;
export const FLAG_UNSIGNED_HASH = 0x0002;
export const FLAG_TEST_FILESYS = 0x0004;

/** `s_checksum_type` of metadata_csum: CRC-32C, the only one defined. */
export const CHECKSUM_CRC32C = 1;

/** `s_encoding` of casefold: UTF-8 of Unicode 12.1. */
export const ENCODING_UTF8_12_1 = 1;
/** `s_encoding_flags`: names that are not valid UTF-8 are refused. */
export const ENCODING_STRICT = 0x0001;

/** Special inodes, "Special inodes" of the specification. */
export const INO_BAD_BLOCKS = 1;
export const INO_ROOT = 2;
export const INO_USER_QUOTA = 3;
export const INO_GROUP_QUOTA = 4;
export const INO_BOOT_LOADER = 5;
export const INO_UNDELETE = 6;
export const INO_RESIZE = 7;
export const INO_JOURNAL = 8;
/** First inode for files in revision 0, and the default of later ones. */
export const INO_FIRST_GOOD_OLD = 11;

/** `struct ext4_super_block`. */
export const superblockLayout = struct('ext4_super_block', SUPERBLOCK_SIZE, {
  inodesCount: [0x0, u32le],
  blocksCountLo: [0x4, u32le],
  reservedBlocksLo: [0x8, u32le],
  freeBlocksLo: [0xc, u32le],
  freeInodes: [0x10, u32le],
  firstDataBlock: [0x14, u32le],
  logBlockSize: [0x18, u32le],
  logClusterSize: [0x1c, u32le],
  blocksPerGroup: [0x20, u32le],
  clustersPerGroup: [0x24, u32le],
  inodesPerGroup: [0x28, u32le],
  mountTime: [0x2c, u32le],
  writeTime: [0x30, u32le],
  mountCount: [0x34, u16le],
  maxMountCount: [0x36, u16le],
  magic: [0x38, u16le],
  state: [0x3a, u16le],
  errors: [0x3c, u16le],
  minorRevision: [0x3e, u16le],
  lastCheck: [0x40, u32le],
  checkInterval: [0x44, u32le],
  creatorOs: [0x48, u32le],
  revision: [0x4c, u32le],
  defaultReservedUid: [0x50, u16le],
  defaultReservedGid: [0x52, u16le],
  firstInode: [0x54, u32le],
  inodeSize: [0x58, u16le],
  blockGroupNumber: [0x5a, u16le],
  featureCompat: [0x5c, u32le],
  featureIncompat: [0x60, u32le],
  featureRoCompat: [0x64, u32le],
  uuid: [0x68, bytes(16)],
  volumeName: [0x78, bytes(16)],
  lastMounted: [0x88, bytes(64)],
  algorithmBitmap: [0xc8, u32le],
  preallocBlocks: [0xcc, u8],
  preallocDirBlocks: [0xcd, u8],
  reservedGdtBlocks: [0xce, u16le],
  journalUuid: [0xd0, bytes(16)],
  journalInode: [0xe0, u32le],
  journalDevice: [0xe4, u32le],
  lastOrphan: [0xe8, u32le],
  hashSeed: [0xec, array(u32le, 4)],
  defaultHashVersion: [0xfc, u8],
  journalBackupType: [0xfd, u8],
  descriptorSize: [0xfe, u16le],
  defaultMountOptions: [0x100, u32le],
  firstMetaGroup: [0x104, u32le],
  makeTime: [0x108, u32le],
  journalBackup: [0x10c, array(u32le, 17)],
  blocksCountHi: [0x150, u32le],
  reservedBlocksHi: [0x154, u32le],
  freeBlocksHi: [0x158, u32le],
  minExtraInodeSize: [0x15c, u16le],
  wantExtraInodeSize: [0x15e, u16le],
  flags: [0x160, u32le],
  raidStride: [0x164, u16le],
  mmpInterval: [0x166, u16le],
  mmpBlock: [0x168, u64le],
  raidStripeWidth: [0x170, u32le],
  logGroupsPerFlex: [0x174, u8],
  checksumType: [0x175, u8],
  encryptionLevel: [0x176, u8],
  kbytesWritten: [0x178, u64le],
  snapshotInode: [0x180, u32le],
  snapshotId: [0x184, u32le],
  snapshotReservedBlocks: [0x188, u64le],
  snapshotList: [0x190, u32le],
  errorCount: [0x194, u32le],
  firstErrorTime: [0x198, u32le],
  firstErrorInode: [0x19c, u32le],
  firstErrorBlock: [0x1a0, u64le],
  firstErrorFunction: [0x1a8, bytes(32)],
  firstErrorLine: [0x1c8, u32le],
  lastErrorTime: [0x1cc, u32le],
  lastErrorInode: [0x1d0, u32le],
  lastErrorLine: [0x1d4, u32le],
  lastErrorBlock: [0x1d8, u64le],
  lastErrorFunction: [0x1e0, bytes(32)],
  mountOptions: [0x200, bytes(64)],
  userQuotaInode: [0x240, u32le],
  groupQuotaInode: [0x244, u32le],
  overheadClusters: [0x248, u32le],
  backupGroups: [0x24c, array(u32le, 2)],
  encryptAlgorithms: [0x254, bytes(4)],
  encryptSalt: [0x258, bytes(16)],
  lostFoundInode: [0x268, u32le],
  projectQuotaInode: [0x26c, u32le],
  checksumSeed: [0x270, u32le],
  writeTimeHi: [0x274, u8],
  mountTimeHi: [0x275, u8],
  makeTimeHi: [0x276, u8],
  lastCheckHi: [0x277, u8],
  firstErrorTimeHi: [0x278, u8],
  lastErrorTimeHi: [0x279, u8],
  firstErrorCode: [0x27a, u8],
  lastErrorCode: [0x27b, u8],
  encoding: [0x27c, u16le],
  encodingFlags: [0x27e, u16le],
  orphanFileInode: [0x280, u32le],
  checksum: [0x3fc, u32le],
});

/** The superblock's fields as numbers, bigints and bytes. */
export type SuperblockFields = ReturnType<typeof superblockLayout.decode>;

/** Bytes of a descriptor without and with the 64bit feature. */
export const DESCRIPTOR_SIZE_32 = 32;
export const DESCRIPTOR_SIZE_64 = 64;

const lowDescriptor = {
  blockBitmapLo: [0x0, u32le],
  inodeBitmapLo: [0x4, u32le],
  inodeTableLo: [0x8, u32le],
  freeBlocksLo: [0xc, u16le],
  freeInodesLo: [0xe, u16le],
  usedDirsLo: [0x10, u16le],
  flags: [0x12, u16le],
  excludeBitmapLo: [0x14, u32le],
  blockBitmapCsumLo: [0x18, u16le],
  inodeBitmapCsumLo: [0x1a, u16le],
  itableUnusedLo: [0x1c, u16le],
  checksum: [0x1e, u16le],
} as const;

/** `struct ext4_group_desc` of 32 bytes. */
export const groupDescriptor32 = struct('ext4_group_desc', DESCRIPTOR_SIZE_32, lowDescriptor);

/** `struct ext4_group_desc` of 64 bytes (64bit feature). */
export const groupDescriptor64 = struct('ext4_group_desc', DESCRIPTOR_SIZE_64, {
  ...lowDescriptor,
  blockBitmapHi: [0x20, u32le],
  inodeBitmapHi: [0x24, u32le],
  inodeTableHi: [0x28, u32le],
  freeBlocksHi: [0x2c, u16le],
  freeInodesHi: [0x2e, u16le],
  usedDirsHi: [0x30, u16le],
  itableUnusedHi: [0x32, u16le],
  excludeBitmapHi: [0x34, u32le],
  blockBitmapCsumHi: [0x38, u16le],
  inodeBitmapCsumHi: [0x3a, u16le],
});

/** `bg_flags`: inode table and bitmap not initialised, block bitmap not initialised, inode table zeroed. */
export const BG_INODE_UNINIT = 0x1;
export const BG_BLOCK_UNINIT = 0x2;
export const BG_INODE_ZEROED = 0x4;

/** `struct mmp_struct`, "Multiple mount protection". */
export const mmpLayout = struct('mmp_struct', 1024, {
  magic: [0x0, u32le],
  sequence: [0x4, u32le],
  time: [0x8, u64le],
  nodeName: [0x10, bytes(64)],
  deviceName: [0x50, bytes(32)],
  checkInterval: [0x70, u16le],
  checksum: [0x3fc, u32le],
});

/** Fields of an MMP block. */
export type MmpFields = ReturnType<typeof mmpLayout.decode>;

export const MMP_MAGIC = 0x004d4d50;
/** `mmp_seq` of a file system nobody has mounted. */
export const MMP_SEQ_CLEAN = 0xff4d4d50;
/** `mmp_seq` while a checker runs. */
export const MMP_SEQ_FSCK = 0xe24d4d50;

/** Tail of each block of the orphan file: magic, then checksum, in the last eight bytes. */
export const orphanTailLayout = struct('ext4_orphan_block_tail', 8, { magic: [0, u32le], checksum: [4, u32le] });
export const ORPHAN_BLOCK_MAGIC = 0x0b10ca04;

import { bytes, latin1, struct, u8, u16be, u32be, u32le, u64be, uuid } from '@vmcraft/core/binary';

/*
 * XFS Algorithms & Data Structures, 3rd edition (kernel.org, revision of 2022), and for what came later the Linux kernel's
 * fs/xfs/libxfs/xfs_format.h as documentation of the format. All integers are big-endian but the checksums.
 */

/** Chapter 12, "Superblocks", `xfs_dsb`. */
export const Superblock = struct('xfs_dsb', 272, {
  magic: [0, u32be],
  blockSize: [4, u32be],
  dataBlocks: [8, u64be],
  realtimeBlocks: [16, u64be],
  uuid: [32, uuid],
  logStart: [48, u64be],
  rootInode: [56, u64be],
  agBlocks: [84, u32be],
  agCount: [88, u32be],
  logBlocks: [96, u32be],
  version: [100, u16be],
  sectorSize: [102, u16be],
  inodeSize: [104, u16be],
  label: [108, latin1(12)],
  blockLog: [120, u8],
  inodeLog: [122, u8],
  inodesPerBlockLog: [123, u8],
  agBlockLog: [124, u8],
  inodeCount: [128, u64be],
  inodesFree: [136, u64be],
  dataBlocksFree: [144, u64be],
  directoryBlockLog: [192, u8],
  features2: [200, u32be],
  incompatible: [216, u32be],
  logIncompatible: [220, u32be],
  checksum: [224, u32le],
  metaUuid: [248, uuid],
  metadataRoot: [264, u64be],
});
export const XFS_MAGIC = 0x58465342;
/** Field `sb_versionnum`: its lowest four bits are the version. */
export const VersionFlag = { version: 0xf, caseInsensitive: 0x4000, version2Directories: 0x2000 } as const;
/** Field `sb_features2`, version 4. */
export const FEATURE2_FTYPE = 0x200;
/** Field `sb_features_incompat`, version 5. */
export const Incompatible = {
  ftype: 0x1,
  sparseInodes: 0x2,
  metaUuid: 0x4,
  bigTime: 0x8,
  needsRepair: 0x10,
  largeExtentCounts: 0x20,
  exchangeRange: 0x40,
  parentPointers: 0x80,
  metadataDirectories: 0x100,
  zoned: 0x200,
  zoneGaps: 0x400,
} as const;
/** `sb_features_log_incompat`: intents of attributes are in the log. */
export const LOG_INCOMPATIBLE = 0x1;
/** Those that reading copes with. */
export const KNOWN_INCOMPATIBLE = 0x1ff & ~Incompatible.needsRepair;

/** Chapter 13, "Allocation Groups", `xfs_agf` and `xfs_agi`: what they count. */
export const FreeSpace = struct('xfs_agf', 64, {
  magic: [0, u32be],
  listed: [48, u32be],
  free: [52, u32be],
  trees: [60, u32be],
});
export const InodeInformation = struct('xfs_agi', 32, { magic: [0, u32be], count: [16, u32be], free: [28, u32be] });
/** Where version 5 has the checksums of both. */
export const FREE_SPACE_CHECKSUM = { space: 216, inodes: 312 } as const;
export const FreeSpaceMagic = { space: 0x58414746, inodes: 0x58414749 } as const;

/** Chapter 16, "On-disk Inode", `xfs_dinode`; what follows `nextUnlinked` is of version 3 only. */
export const Inode = struct('xfs_dinode', 100, {
  magic: [0, u16be],
  mode: [2, u16be],
  version: [4, u8],
  format: [5, u8],
  linksOld: [6, u16be],
  uid: [8, u32be],
  gid: [12, u32be],
  links: [16, u32be],
  largeExtents: [24, u64be],
  accessTime: [32, u64be],
  modifyTime: [40, u64be],
  changeTime: [48, u64be],
  size: [56, u64be],
  blocks: [64, u64be],
  extents: [76, u32be],
  attributeExtents: [80, u16be],
  forkOffset: [82, u8],
  attributeFormat: [83, u8],
  flags: [90, u16be],
  generation: [92, u32be],
});
export const INODE_MAGIC = 0x494e;
/** Version 3. */
export const Inode3 = struct('xfs_dinode v3', 176, {
  checksum: [100, u32le],
  flags2: [120, u64be],
  createTime: [144, u64be],
  ino: [152, u64be],
  uuid: [160, bytes(16)],
});
/** `di_format`. */
export const Fork = { device: 0, local: 1, extents: 2, btree: 3 } as const;
/** `di_flags`: data on the realtime device. `di_flags2`: times of 64 bits, extent counts of 64 and 32 bits. */
export const FLAG_REALTIME = 1;
export const Flag2 = { bigTime: 8n, largeExtentCounts: 16n } as const;
/** Times of 64 bits count nanoseconds from this second, the smallest of 32 bits. */
export const BIG_TIME_EPOCH = -(2 ** 31);

/** Chapter 17, "Extent B+trees": an extent is two words of 64 bits. */
export const EXTENT_SIZE = 16;
/** A block of a B+tree of long pointers; version 5 adds the rest. */
export const BtreeBlock = struct('xfs_btree_lblock', 24, { magic: [0, u32be], level: [4, u16be], records: [6, u16be] });
export const BtreeMagic = { plain: 0x424d4150, checked: 0x424d4133 } as const;
export const BTREE_HEADER = { plain: 24, checked: 72 } as const;
export const BTREE_CHECKSUM = 64;

/** Chapter 18, "Directories": data blocks. Version 5 has a larger header. */
export const DirectoryMagic = {
  block: 0x58443242,
  blockChecked: 0x58444233,
  data: 0x58443244,
  dataChecked: 0x58444433,
} as const;
export const DIRECTORY_HEADER = { plain: 16, checked: 64 } as const;
export const DIRECTORY_CHECKSUM = 4;
/** Entries lie on multiples of this; unused space begins with the tag. */
export const DIRECTORY_ALIGN = 8;
export const FREE_TAG = 0xffff;
/** Tail of a directory of one block: entries of its hash table, each of 8 bytes, lie before it. */
export const BlockTail = struct('xfs_dir2_block_tail', 8, { count: [0, u32be], stale: [4, u32be] });
/** Byte offset in a directory where the hash index begins. */
export const LEAF_OFFSET = 32 * 2 ** 30;

/** Chapter 18.4 and 19: blocks of the hash indexes of directories and attributes begin with `xfs_da_blkinfo`. */
export const IndexBlock = struct('xfs_da_blkinfo', 12, {
  forward: [0, u32be],
  backward: [4, u32be],
  magic: [8, u16be],
});
export const IndexMagic = {
  node: 0xfebe,
  nodeChecked: 0x3ebe,
  leaf1: 0xd2f1,
  leaf1Checked: 0x3df1,
  leafN: 0xd2ff,
  leafNChecked: 0x3dff,
  attributeLeaf: 0xfbee,
  attributeLeafChecked: 0x3bee,
} as const;
/** Where version 5 has the checksum, and where the counts are in both. */
export const INDEX_CHECKSUM = 12;
export const INDEX_COUNT = { plain: 12, checked: 56 } as const;
/** Where the entries of nodes and directory leaves begin, and those of attribute leaves. */
export const INDEX_ENTRIES = { plain: 16, checked: 64 } as const;
export const ATTRIBUTE_ENTRIES = { plain: 32, checked: 80 } as const;

/** Chapter 19, "Extended Attributes": flags of an entry. */
export const AttributeFlag = { local: 1, root: 2, secure: 4, parent: 8, incomplete: 0x80 } as const;

/** Version 5: blocks of remote attribute values and of symbolic links begin with a header like this. */
export const RemoteHeader = struct('xfs_attr3_rmt_hdr', 56, {
  magic: [0, u32be],
  offset: [4, u32be],
  bytes: [8, u32be],
  checksum: [12, u32le],
  uuid: [16, bytes(16)],
  owner: [32, u64be],
});
export const REMOTE_MAGIC = 0x5841524d;
export const SYMLINK_MAGIC = 0x58534c4d;
export const REMOTE_CHECKSUM = 12;

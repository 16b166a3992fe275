import { bytes, type FieldType, i64le, struct, u8, u16le, u32le, u64le, uuid } from '@vmcraft/core/binary';

/*
 * Btrfs: "On-disk Format" (https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html) and include/uapi/linux/btrfs_tree.h of
 * Linux 6.12. All integers are little-endian.
 */

/** Places of the superblock and its copies, bytes ("Superblock"). */
export const SUPERBLOCK_PLACES = [0x10000, 0x4000000, 0x4000000000] as const;
export const SUPERBLOCK_SIZE = 4096;
/** `_BHRfS_M`. */
export const SUPERBLOCK_MAGIC = 0x4d5f53665248425fn;

/** struct btrfs_super_block; the embedded `dev_item` begins at 201. */
export const Superblock = struct('btrfs_super_block', SUPERBLOCK_SIZE, {
  fsid: [32, uuid],
  bytenr: [48, u64le],
  flags: [56, u64le],
  magic: [64, u64le],
  generation: [72, u64le],
  root: [80, u64le],
  chunkRoot: [88, u64le],
  logRoot: [96, u64le],
  totalBytes: [112, u64le],
  bytesUsed: [120, u64le],
  rootDirObjectid: [128, u64le],
  numDevices: [136, u64le],
  sectorsize: [144, u32le],
  nodesize: [148, u32le],
  sysChunkArraySize: [160, u32le],
  chunkRootGeneration: [164, u64le],
  compatRoFlags: [180, u64le],
  incompatFlags: [188, u64le],
  csumType: [196, u16le],
  rootLevel: [198, u8],
  chunkRootLevel: [199, u8],
  logRootLevel: [200, u8],
  devid: [201, u64le],
  deviceBytes: [209, u64le],
  deviceUuid: [267, uuid],
  label: [299, bytes(256)],
  metadataUuid: [571, uuid],
});
export const SYS_CHUNK_ARRAY = { offset: 811, size: 2048 } as const;
/** Superblock flags: a seed device, and a file system that is being restored or changed by a tool. */
export const SuperFlag = {
  seeding: 1n << 32n,
  metadump: 1n << 33n,
  metadumpV2: 1n << 34n,
  changingFsid: 1n << 35n,
  changingFsidV2: 1n << 36n,
} as const;

/** BTRFS_FEATURE_INCOMPAT_*: names and bits. */
export const INCOMPAT = {
  mixed_backref: 1n << 0n,
  default_subvol: 1n << 1n,
  mixed_groups: 1n << 2n,
  compress_lzo: 1n << 3n,
  compress_zstd: 1n << 4n,
  big_metadata: 1n << 5n,
  extended_iref: 1n << 6n,
  raid56: 1n << 7n,
  skinny_metadata: 1n << 8n,
  no_holes: 1n << 9n,
  metadata_uuid: 1n << 10n,
  raid1c34: 1n << 11n,
  zoned: 1n << 12n,
  extent_tree_v2: 1n << 13n,
  raid_stripe_tree: 1n << 14n,
  simple_quota: 1n << 16n,
} as const;

/** BTRFS_CSUM_TYPE_*. */
export const CsumType = { crc32c: 0, xxhash64: 1, sha256: 2, blake2b: 3 } as const;

/** struct btrfs_header: head of every node. */
export const NodeHeader = struct('btrfs_header', 101, {
  fsid: [32, uuid],
  bytenr: [48, u64le],
  generation: [80, u64le],
  owner: [88, u64le],
  nritems: [96, u32le],
  level: [100, u8],
});
/** Bytes of a checksum field, whatever the type. */
export const CSUM_FIELD = 32;
/** struct btrfs_item: key (17 bytes), offset and size of the data; offsets count from the end of the header. */
export const ITEM_SIZE = 25;
/** struct btrfs_key_ptr: key, block, generation. */
export const KEY_PTR_SIZE = 33;
/** struct btrfs_disk_key: objectid, type, offset. */
export const KEY_SIZE = 17;
/** Deepest tree (BTRFS_MAX_LEVEL). */
export const MAX_LEVEL = 8;

/** Key types. */
export const Type = {
  inodeItem: 1,
  inodeRef: 12,
  inodeExtref: 13,
  xattrItem: 24,
  dirLogIndex: 72,
  dirItem: 84,
  dirIndex: 96,
  extentData: 108,
  extentCsum: 128,
  rootItem: 132,
  rootBackref: 144,
  rootRef: 156,
  blockGroupItem: 192,
  devItem: 216,
  chunkItem: 228,
  qgroupStatus: 240,
  qgroupInfo: 242,
  qgroupLimit: 244,
  temporaryItem: 248,
} as const;

/** Well-known object ids. */
export const Id = {
  rootTree: 1,
  extentTree: 2,
  chunkTree: 3,
  fsTree: 5,
  rootTreeDir: 6,
  csumTree: 7,
  quotaTree: 8,
  freeSpaceTree: 10,
  blockGroupTree: 11,
  firstFree: 256,
  emptySubvolumeDir: 2,
} as const;

/** struct btrfs_chunk, without its stripes. */
export const Chunk = struct('btrfs_chunk', 48, {
  length: [0, u64le],
  stripeLength: [16, u64le],
  type: [24, u64le],
  numStripes: [44, u16le],
  subStripes: [46, u16le],
});
/** struct btrfs_stripe. */
export const Stripe = struct('btrfs_stripe', 32, { devid: [0, u64le], offset: [8, u64le], deviceUuid: [16, uuid] });
/** BTRFS_BLOCK_GROUP_*: what is in a chunk. */
export const BlockGroup = { data: 1n, system: 2n, metadata: 4n } as const;
/** struct btrfs_block_group_item. */
export const BlockGroupItem = struct('btrfs_block_group_item', 24, { used: [0, u64le] });
/** BTRFS_FEATURE_COMPAT_RO_*: only what tells where something is. */
export const CompatReadOnly = { blockGroupTree: 1n << 3n } as const;
/** BTRFS_BLOCK_GROUP_*: how a chunk is laid out. */
export const Profile = {
  raid0: 1n << 3n,
  raid1: 1n << 4n,
  dup: 1n << 5n,
  raid10: 1n << 6n,
  raid5: 1n << 7n,
  raid6: 1n << 8n,
  raid1c3: 1n << 9n,
  raid1c4: 1n << 10n,
} as const;
/** Block-group bits that this code knows: kinds and profiles. */
export const KNOWN_BLOCK_GROUP = (1n << 11n) - 1n;

/** struct btrfs_dev_item. */
export const DevItem = struct('btrfs_dev_item', 98, {
  devid: [0, u64le],
  totalBytes: [8, u64le],
  bytesUsed: [16, u64le],
  uuid: [66, uuid],
  fsid: [82, uuid],
});

const WORD = 2 ** 32;
/** Unsigned 64-bit integer as a number, which is exact up to 2^53. Inodes are read by the hundred thousand. */
const wide: FieldType<number> = {
  size: 8,
  read: (view, at) => view.getUint32(at + 4, true) * WORD + view.getUint32(at, true),
  write: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
};
/** The same, signed. */
const seconds: FieldType<number> = {
  size: 8,
  read: (view, at) => view.getInt32(at + 4, true) * WORD + view.getUint32(at, true),
  write: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
};

/** struct btrfs_inode_item. */
export const InodeItem = struct('btrfs_inode_item', 160, {
  generation: [0, wide],
  size: [16, wide],
  nbytes: [24, wide],
  nlink: [40, u32le],
  uid: [44, u32le],
  gid: [48, u32le],
  mode: [52, u32le],
  rdev: [56, u64le],
  flags: [64, wide],
  atimeSec: [112, seconds],
  atimeNsec: [120, u32le],
  ctimeSec: [124, seconds],
  ctimeNsec: [132, u32le],
  mtimeSec: [136, seconds],
  mtimeNsec: [144, u32le],
  otimeSec: [148, seconds],
  otimeNsec: [156, u32le],
});
/** BTRFS_INODE_NODATASUM. */
export const INODE_NODATASUM = 1;

/** struct btrfs_dir_item, without name and data: a key, then what follows it. */
export const DirItem = struct('btrfs_dir_item', 30, {
  dataLength: [25, u16le],
  nameLength: [27, u16le],
  type: [29, u8],
});
/** BTRFS_FT_*, in the letters of guestfs. */
export const FILE_TYPES = ['u', 'r', 'd', 'c', 'b', 'f', 's', 'l'] as const;

/** struct btrfs_inode_ref and btrfs_inode_extref, without names. */
export const InodeRef = struct('btrfs_inode_ref', 10, { index: [0, u64le], nameLength: [8, u16le] });
export const InodeExtref = struct('btrfs_inode_extref', 18, {
  parent: [0, u64le],
  index: [8, u64le],
  nameLength: [16, u16le],
});

/** struct btrfs_root_item up to `level`, then the fields added later. */
export const RootItem = struct('btrfs_root_item', 239, {
  generation: [160, u64le],
  rootDirid: [168, u64le],
  bytenr: [176, u64le],
  bytesUsed: [192, u64le],
  flags: [208, u64le],
  refs: [216, u32le],
  level: [238, u8],
});
export const RootItemUuid = struct('btrfs_root_item', 439, {
  uuid: [247, uuid],
  parentUuid: [263, uuid],
  receivedUuid: [279, uuid],
  ctransid: [295, u64le],
  otransid: [303, u64le],
  stransid: [311, u64le],
  rtransid: [319, u64le],
  otimeSec: [339, i64le],
  stimeSec: [351, i64le],
  rtimeSec: [363, i64le],
});
/** BTRFS_ROOT_SUBVOL_RDONLY. */
export const ROOT_READONLY = 1n;
/** struct btrfs_root_ref, without the name. */
export const RootRef = struct('btrfs_root_ref', 18, {
  dirid: [0, u64le],
  sequence: [8, u64le],
  nameLength: [16, u16le],
});

/** struct btrfs_file_extent_item: the head that inline extents have too, and the rest. */
export const FileExtentHead = struct('btrfs_file_extent_item', 21, {
  ramBytes: [8, u64le],
  compression: [16, u8],
  encryption: [17, u8],
  otherEncoding: [18, u16le],
  type: [20, u8],
});
export const FileExtentItem = struct('btrfs_file_extent_item', 53, {
  diskBytenr: [21, u64le],
  diskNumBytes: [29, u64le],
  offset: [37, u64le],
  numBytes: [45, u64le],
});
export const ExtentType = { inline: 0, regular: 1, prealloc: 2 } as const;
export const Compression = { none: 0, zlib: 1, lzo: 2, zstd: 3 } as const;
/** Longest piece that is compressed as one, bytes (BTRFS_MAX_UNCOMPRESSED), and room for a larger sector. */
export const MAX_COMPRESSED = 1 << 20;

/** struct btrfs_qgroup_info_item. */
export const QgroupInfo = struct('btrfs_qgroup_info_item', 40, { referenced: [8, u64le], exclusive: [24, u64le] });
/** struct btrfs_qgroup_status_item: flags, of which the first bit says that quotas are on. */
export const QgroupStatus = struct('btrfs_qgroup_status_item', 32, { flags: [16, u64le] });
export const QGROUP_ON = 1n;
/** struct btrfs_qgroup_limit_item, and which of its limits hold. */
export const QgroupLimit = struct('btrfs_qgroup_limit_item', 40, {
  flags: [0, u64le],
  maxReferenced: [8, u64le],
  maxExclusive: [16, u64le],
});
export const LimitFlag = { referenced: 1n, exclusive: 2n } as const;
/** The level of a quota group is in the highest 16 bits of its id. */
export const QGROUP_LEVEL = 2 ** 48;
/** BTRFS_BALANCE_OBJECTID, -4: the item of a balance that was not finished. */
export const BALANCE_OBJECTID = 2 ** 64 - 4;

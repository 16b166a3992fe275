import { bytes, struct, u32le, u64le } from '@vmcraft/core/binary';

/**
 * On-disk structures of device mapper's persistent data, thin provisioning and cache (Linux
 * Documentation/admin-guide/device-mapper/persistent-data.rst, thin-provisioning.rst, cache.rst; the sizes are those that thin_dump and
 * cache_dump of thin-provisioning-tools read).
 */

/** Bytes of a metadata block. */
export const BLOCK = 4096;

/** What each kind of block mixes into its checksum. */
export const CHECKSUM_OF = {
  thinSuperblock: 160774,
  cacheSuperblock: 9031977,
  node: 121107,
  array: 595846735,
  bitmap: 240779,
  index: 160478,
} as const;

/** Kind of a metadata block. */
export type BlockKind = keyof typeof CHECKSUM_OF;
/** Offset of a block's own number, by kind; the checksum is at 0 everywhere. */
export const NUMBER_AT: Readonly<Record<BlockKind, number>> = {
  thinSuperblock: 8,
  cacheSuperblock: 8,
  node: 8,
  array: 16,
  bitmap: 8,
  index: 8,
};

/** `struct disk_sm_root`: a space map. */
export const SpaceMapRoot = struct('disk_sm_root', 32, {
  blocks: [0, u64le],
  allocated: [8, u64le],
  /** Tree of index entries (data), or the index block (metadata). */
  bitmapRoot: [16, u64le],
  /** Tree of counts above 2. */
  countRoot: [24, u64le],
});

export const THIN_MAGIC = 27022010n;
/** dm-thin sets it after a failed commit: thin_check must pass before the pool may be written. */
export const THIN_NEEDS_CHECK = 1;

/** `struct thin_disk_superblock`, block 0. */
export const ThinSuperblock = struct('thin_disk_superblock', 364, {
  checksum: [0, u32le],
  flags: [4, u32le],
  number: [8, u64le],
  magic: [32, u64le],
  version: [40, u32le],
  /** Counts snapshots. */
  time: [44, u32le],
  transaction: [48, u64le],
  /** A snapshot of the metadata for user space. */
  heldRoot: [56, u64le],
  dataMap: [64, SpaceMapRoot],
  metadataMap: [192, SpaceMapRoot],
  /** Tree of trees: device, virtual chunk. */
  mappingRoot: [320, u64le],
  detailsRoot: [328, u64le],
  /** Sectors of a chunk. */
  dataBlockSize: [336, u32le],
  metadataBlockSize: [340, u32le],
  metadataBlocks: [344, u64le],
  compatFlags: [352, u32le],
  compatRoFlags: [356, u32le],
  incompatFlags: [360, u32le],
});

/** `struct disk_device_details`: a thin device. */
export const DeviceDetails = struct('disk_device_details', 24, {
  mappedBlocks: [0, u64le],
  transaction: [8, u64le],
  creationTime: [16, u32le],
  /** Chunks mapped before it are shared with a snapshot. */
  snapshottedTime: [20, u32le],
});

/** `struct node_header`: a node of a B-tree. Keys of 64 bits follow, then values. */
export const NODE_HEADER = 32;
export const NodeHeader = struct('node_header', NODE_HEADER, {
  checksum: [0, u32le],
  flags: [4, u32le],
  number: [8, u64le],
  entries: [16, u32le],
  maxEntries: [20, u32le],
  valueSize: [24, u32le],
});
export const INTERNAL_NODE = 1;
export const LEAF_NODE = 2;

/** `struct disk_index_entry`: what a bitmap block holds. */
export const INDEX_ENTRY = 16;
/** Bytes before the entries of the metadata space map's index block, and before the bits of a bitmap block. */
export const INDEX_HEADER = 16;
export const BITMAP_HEADER = 16;
/** Two bits a block. */
export const BLOCKS_PER_BITMAP = (BLOCK - BITMAP_HEADER) * 4;
/** Index entries of the metadata space map. */
export const MAX_METADATA_BITMAPS = 255;

/** The kernel writes it in octal. */
export const CACHE_MAGIC = 0o6142003n;
export const CACHE_CLEAN_SHUTDOWN = 1;

/** `struct cache_disk_superblock`, block 0. */
export const CacheSuperblock = struct('cache_disk_superblock', 296, {
  checksum: [0, u32le],
  flags: [4, u32le],
  number: [8, u64le],
  magic: [32, u64le],
  version: [40, u32le],
  policyName: [44, bytes(16)],
  mappingRoot: [192, u64le],
  metadataBlockSize: [236, u32le],
  cacheBlocks: [240, u32le],
  incompatFlags: [252, u32le],
  /** Version 2: bits of dirty blocks. */
  dirtyRoot: [284, u64le],
});
/** Low bits of a mapping of the cache. */
export const CACHE_VALID = 1n;
export const CACHE_DIRTY = 2n;

/** `struct array_block`: values follow. */
export const ARRAY_HEADER = 24;
export const ArrayBlock = struct('array_block', ARRAY_HEADER, {
  checksum: [0, u32le],
  maxEntries: [4, u32le],
  entries: [8, u32le],
  valueSize: [12, u32le],
  number: [16, u64le],
});

import { struct, u8, u16le, u32le, u64le } from '@vmcraft/core';

/** Structures of VMware "Virtual Disk Format 5.0" (technical note). All integers are little-endian, offsets in sectors. */

/** Sectors of the format, bytes. */
export const SECTOR = 512;

/** "Hosted Sparse Extents": `KDMV`. */
export const SPARSE_MAGIC = 0x564d444b;

/** "Hosted Sparse Extents": SparseExtentHeader. */
export const SparseExtentHeader = struct('vmdk.SparseExtentHeader', 512, {
  magicNumber: [0, u32le],
  version: [4, u32le],
  flags: [8, u32le],
  capacity: [12, u64le],
  grainSize: [20, u64le],
  descriptorOffset: [28, u64le],
  descriptorSize: [36, u64le],
  numGTEsPerGT: [44, u32le],
  rgdOffset: [48, u64le],
  gdOffset: [56, u64le],
  overHead: [64, u64le],
  uncleanShutdown: [72, u8],
  singleEndLineChar: [73, u8],
  nonEndLineChar: [74, u8],
  doubleEndLineChar1: [75, u8],
  doubleEndLineChar2: [76, u8],
  compressAlgorithm: [77, u16le],
});

/** Bits of SparseExtentHeader.flags. */
export const SPARSE_FLAG = {
  newlineTest: 1,
  redundantTable: 2,
  zeroedGrain: 4,
  compressed: 1 << 16,
  markers: 1 << 17,
} as const;

/** The newline detection characters: a transfer in text mode would have changed them. */
export const NEWLINE_TEST = [0x0a, 0x20, 0x0d, 0x0a] as const;

/** SparseExtentHeader.compressAlgorithm: none, RFC 1951 within RFC 1950. */
export const COMPRESS_DEFLATE = 1;

/** "Stream-Optimized Compressed": the grain directory is found through the footer. */
export const GD_AT_END = 0xffffffffffffffffn;

/** The footer is the sector before the end-of-stream marker. */
export const FOOTER_FROM_END = 1024;

/** Grain table entry of a zeroed grain. */
export const GTE_ZEROED = 1;

/** "Stream-Optimized Compressed": grain marker, directly before the compressed bytes. */
export const GrainMarker = struct('vmdk.GrainMarker', 12, { lba: [0, u64le], size: [8, u32le] });

/** "ESXi Host Sparse Extents": `COWD`. */
export const COWD_MAGIC = 0x44574f43;

/** "ESXi Host Sparse Extents": COWDisk_Header as far as it is needed. */
export const CowdHeader = struct('vmdk.COWDisk_Header', 2048, {
  magicNumber: [0, u32le],
  version: [4, u32le],
  flags: [8, u32le],
  numSectors: [12, u32le],
  grainSize: [16, u32le],
  gdOffset: [20, u32le],
  numGDEntries: [24, u32le],
  freeSector: [28, u32le],
});

/** Entries of a COWD grain table. */
export const COWD_GTES = 4096;

/** seSparse constant header. The format is not published; fields as qemu's driver for it reads them. */
export const SeSparseHeader = struct('vmdk.seSparse.constantHeader', 512, {
  magic: [0, u64le],
  version: [8, u64le],
  capacity: [16, u64le],
  grainSize: [24, u64le],
  grainTableSize: [32, u64le],
  flags: [40, u64le],
  volatileHeaderOffset: [80, u64le],
  volatileHeaderSize: [88, u64le],
  grainDirOffset: [128, u64le],
  grainDirSize: [136, u64le],
  grainTablesOffset: [144, u64le],
  grainTablesSize: [152, u64le],
  grainsOffset: [192, u64le],
  grainsSize: [200, u64le],
});

/** seSparse volatile header. */
export const SeSparseVolatile = struct('vmdk.seSparse.volatileHeader', 512, {
  magic: [0, u64le],
  replayJournal: [24, u64le],
});

export const SE_MAGIC = 0xcafebaben;
export const SE_VOLATILE_MAGIC = 0xcafecafen;
export const SE_VERSION = 0x200000001n;
/** The only grain and grain table sizes in use, sectors. */
export const SE_GRAIN_SECTORS = 8n;
export const SE_TABLE_SECTORS = 64n;

/** High 32 bits of a seSparse directory entry: a table is allocated, its index is in the low half. */
export const SE_GDE_ALLOCATED = 0x10000000;
/** Top four bits of a seSparse table entry. */
export const SE_GTE = { absent: 0, unmapped: 1, zero: 2, allocated: 3 } as const;

/** "The Descriptor File": parentCID of a disk without a parent. */
export const NO_PARENT = 0xffffffff;

/** Largest descriptor taken in, bytes. */
export const MAX_DESCRIPTOR = 1024 * 1024;
/** Most extents a descriptor may name. */
export const MAX_EXTENTS = 4096;
/** Bounds of the grain size, sectors: below 64 KiB in practice, up to this in images seen. */
export const MAX_GRAIN_SECTORS = 0x20000;
/** "numGTEsPerGT" is 512 in every hosted extent. */
export const MAX_GTES = 512;

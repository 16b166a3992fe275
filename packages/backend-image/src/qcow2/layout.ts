import { struct, u8, u16be, u32be, u64be, utf8 } from '@vmcraft/core';

/** Structures of "Qcow2 Image File Format" (qemu docs/interop/qcow2). All integers are big-endian. */

/** `QFI\xfb`, section "Header". */
export const QCOW_MAGIC = 0x514649fb;

/** Header of version 2 and, as far as version 3 has more, its tail. Section "Header". */
export const Qcow2Header = struct('qcow2.header', 72, {
  magic: [0, u32be],
  version: [4, u32be],
  backingFileOffset: [8, u64be],
  backingFileSize: [16, u32be],
  clusterBits: [20, u32be],
  size: [24, u64be],
  cryptMethod: [32, u32be],
  l1Size: [36, u32be],
  l1TableOffset: [40, u64be],
  refcountTableOffset: [48, u64be],
  refcountTableClusters: [56, u32be],
  nbSnapshots: [60, u32be],
  snapshotsOffset: [64, u64be],
});

/** Bytes 72 to 103 of the header, from version 3 on. */
export const Qcow2HeaderV3 = struct('qcow2.header.v3', 32, {
  incompatibleFeatures: [0, u64be],
  compatibleFeatures: [8, u64be],
  autoclearFeatures: [16, u64be],
  refcountOrder: [24, u32be],
  headerLength: [28, u32be],
});

/** Where {@link Qcow2HeaderV3} begins. */
export const V3_OFFSET = 72;
/** Least header length of version 3; `compression_type` follows. */
export const V3_HEADER_LENGTH = 104;
/** Section "Additional fields": offset of compression_type. */
export const COMPRESSION_TYPE_OFFSET = 104;
/** Header length that we write: with compression_type, padded to a multiple of 8. */
export const WRITTEN_HEADER_LENGTH = 112;

/** Bits of incompatible_features. */
export const INCOMPATIBLE = {
  dirty: 1n << 0n,
  corrupt: 1n << 1n,
  dataFile: 1n << 2n,
  compressionType: 1n << 3n,
  extendedL2: 1n << 4n,
} as const;

/** Every incompatible feature that is understood here. */
export const INCOMPATIBLE_KNOWN = 0x1fn;

/** Bits of compatible_features. */
export const COMPATIBLE = { lazyRefcounts: 1n << 0n } as const;

/** Bits of autoclear_features. */
export const AUTOCLEAR = { bitmaps: 1n << 0n, dataFileRaw: 1n << 1n } as const;

/** Values of crypt_method. */
export const CRYPT_METHOD = { aes: 1, luks: 2 } as const;

/** "Full disk encryption header pointer". */
export const EncryptionPointer = struct('qcow2.encryption', 16, { offset: [0, u64be], length: [8, u64be] });

/** Values of compression_type. */
export const COMPRESSION_TYPES: Readonly<Record<number, string>> = { 0: 'zlib', 1: 'zstd' };

/** Section "Header extensions": type and length before the data. */
export const ExtensionHeader = struct('qcow2.headerExtension', 8, { type: [0, u32be], length: [4, u32be] });

/** Header extension types. */
export const EXTENSION = {
  end: 0,
  backingFormat: 0xe2792aca,
  featureNames: 0x6803f857,
  bitmaps: 0x23852875,
  encryption: 0x0537be77,
  dataFile: 0x44415441,
} as const;

/** Section "Feature name table". */
export const FeatureName = struct('qcow2.featureName', 48, { kind: [0, u8], bit: [1, u8], name: [2, utf8(46)] });

/** Section "Bitmaps extension". */
export const BitmapsExtension = struct('qcow2.bitmapsExtension', 24, {
  nbBitmaps: [0, u32be],
  directorySize: [8, u64be],
  directoryOffset: [16, u64be],
});

/** Section "Bitmap directory": fixed part of an entry; extra data and the name follow, padded to 8. */
export const BitmapDirectoryEntry = struct('qcow2.bitmapDirectoryEntry', 24, {
  tableOffset: [0, u64be],
  tableSize: [8, u32be],
  flags: [12, u32be],
  type: [16, u8],
  granularityBits: [17, u8],
  nameSize: [18, u16be],
  extraDataSize: [20, u32be],
});

/** Bitmap flag: the bitmap may miss writes. */
export const BITMAP_IN_USE = 1;

/** Section "Snapshots": fixed part of a snapshot table entry; extra data, id and name follow, padded to 8. */
export const SnapshotHeader = struct('qcow2.snapshot', 40, {
  l1TableOffset: [0, u64be],
  l1Size: [8, u32be],
  idSize: [12, u16be],
  nameSize: [14, u16be],
  dateSec: [16, u32be],
  dateNsec: [20, u32be],
  vmClockNsec: [24, u64be],
  vmStateSize: [32, u32be],
  extraDataSize: [36, u32be],
});

/** Extra data of a snapshot entry as far as it is defined. */
export const SnapshotExtra = struct('qcow2.snapshotExtra', 16, { vmStateSize: [0, u64be], diskSize: [8, u64be] });

/** Bytes of an L1 entry, a refcount table entry and a standard L2 entry. */
export const ENTRY_BYTES = 8;
/** Bytes of an extended L2 entry. */
export const EXTENDED_ENTRY_BYTES = 16;
/** Subclusters of a cluster with extended L2 entries. */
export const SUBCLUSTERS = 32;

/** High 32 bits of an entry: refcount is exactly one. */
export const HIGH_COPIED = 0x80000000;
/** High 32 bits of an L2 entry: compressed cluster. */
export const HIGH_COMPRESSED = 0x40000000;
/** High 32 bits of an entry: bits 32 to 55 of a host offset. */
export const HIGH_OFFSET = 0x00ffffff;
/** Low 32 bits of an entry: bits 9 to 31 of a host offset. */
export const LOW_OFFSET = 0xfffffe00;
/** Low 32 bits of a standard L2 entry: reads as zeros (version 3). */
export const LOW_ZERO = 1;
/** 2^32, to put the halves of an entry together. */
export const HIGH_UNIT = 0x100000000;

/** Compressed data is measured in sectors of 512 bytes. */
export const PACKED_SECTOR = 512;

/** Bounds of the format and of its reference implementation. */
export const MIN_CLUSTER_BITS = 9;
export const MAX_CLUSTER_BITS = 21;
export const MIN_EXTENDED_CLUSTER_BITS = 14;
export const MAX_REFCOUNT_ORDER = 6;
export const MAX_L1_BYTES = 32 * 1024 * 1024;
export const MAX_REFCOUNT_TABLE_BYTES = 8 * 1024 * 1024;
export const MAX_BACKING_NAME = 1023;
export const MAX_SNAPSHOTS = 65536;
export const MAX_SNAPSHOT_EXTRA = 1024;
export const MAX_SNAPSHOT_TABLE_BYTES = 64 * 1024 * 1024;
export const MAX_BITMAPS = 65535;
export const MAX_BITMAP_DIRECTORY_BYTES = 64 * 1024 * 1024;

/** Guests are addressed in sectors of 512 bytes; image sizes are multiples of it. */
export const SECTOR = 512;

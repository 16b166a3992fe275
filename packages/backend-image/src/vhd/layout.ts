import { bytes, latin1, struct, u8, u16be, u32be, u64be, uuid } from '@vmcraft/core';

/** Structures of "Virtual Hard Disk Image Format Specification" 1.0 (Microsoft). All integers are big-endian. */

export const SECTOR = 512;

/** "Hard Disk Footer Format". */
export const VhdFooter = struct('vhd.footer', 512, {
  cookie: [0, latin1(8)],
  features: [8, u32be],
  fileFormatVersion: [12, u32be],
  dataOffset: [16, u64be],
  timeStamp: [24, u32be],
  creatorApplication: [28, latin1(4)],
  creatorVersion: [32, u32be],
  creatorHostOs: [36, u32be],
  originalSize: [40, u64be],
  currentSize: [48, u64be],
  cylinders: [56, u16be],
  heads: [58, u8],
  sectorsPerTrack: [59, u8],
  diskType: [60, u32be],
  checksum: [64, u32be],
  uniqueId: [68, uuid],
  savedState: [84, u8],
});

export const FOOTER_COOKIE = 'conectix';
/** Footers of Virtual PC before 2004 are one byte short. */
export const OLD_FOOTER_SIZE = 511;
export const FILE_FORMAT_MAJOR = 1;

/** "Disk Type". */
export const DISK_TYPES: Readonly<Record<number, string>> = { 2: 'fixed', 3: 'dynamic', 4: 'differencing' };
export const FIXED = 2;
export const DYNAMIC = 3;
export const DIFFERENCING = 4;

/** "Dynamic Disk Header Format". */
export const VhdDynamicHeader = struct('vhd.dynamicHeader', 1024, {
  cookie: [0, latin1(8)],
  dataOffset: [8, u64be],
  tableOffset: [16, u64be],
  headerVersion: [24, u32be],
  maxTableEntries: [28, u32be],
  blockSize: [32, u32be],
  checksum: [36, u32be],
  parentUniqueId: [40, uuid],
  parentTimeStamp: [56, u32be],
  parentUnicodeName: [64, bytes(512)],
});

export const DYNAMIC_COOKIE = 'cxsparse';

/** "Parent Locator Entry": eight of them at this offset of the dynamic header. */
export const PARENT_LOCATORS_AT = 576;
export const PARENT_LOCATORS = 8;
export const ParentLocator = struct('vhd.parentLocator', 24, {
  platformCode: [0, u32be],
  platformDataSpace: [4, u32be],
  platformDataLength: [8, u32be],
  platformDataOffset: [16, u64be],
});

/** Platform codes: `W2ru` relative and `W2ku` absolute path in UTF-16LE, `MacX` file URL in UTF-8. */
export const LOCATOR = { relative: 0x57327275, absolute: 0x57326b75, url: 0x4d616358 } as const;
/** Longest locator taken in, bytes. */
export const MAX_LOCATOR = 65536;

/** "Block Allocation Table": no block. */
export const BAT_UNUSED = 0xffffffff;
export const BAT_ENTRY = 4;

/** Bounds of the block size, bytes; 2 MiB by default. */
export const MAX_BLOCK = 256 * 1024 * 1024;

/** "CHS Calculation": largest geometry. A disk that has it may be larger. */
export const MAX_GEOMETRY_SECTORS = 65535 * 16 * 255;

/** Creators that mean the "current size"; the others (Virtual PC, old qemu) round the disk to its geometry. */
export const SIZE_CREATORS: readonly string[] = ['win ', 'qem2', 'd2v ', 'tap', 'wa', 'CTXS'];

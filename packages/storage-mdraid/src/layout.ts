import { bytes, i32le, struct, u8, u16le, u32le, u64le } from '@vmcraft/core/binary';

/**
 * On-disk structures of md (Linux include/uapi/linux/raid/md_p.h; md(4); Linux RAID Wiki, "RAID superblock formats").
 */

export const SECTOR = 512;
export const MD_MAGIC = 0xa92b4efc;
/** "All of it" where a field counts sectors. */
export const ALL_SECTORS = 0xffff_ffff_ffff_ffffn;

/** `struct mdp_superblock_1`; an array of roles follows. */
export const Superblock1 = struct('mdp_superblock_1', 256, {
  magic: [0, u32le],
  majorVersion: [4, u32le],
  featureMap: [8, u32le],
  setUuid: [16, bytes(16)],
  setName: [32, bytes(32)],
  /** 40 bits of seconds, 24 of microseconds. */
  ctime: [64, u64le],
  level: [72, i32le],
  layout: [76, u32le],
  /** Sectors of each member that belong to the array. */
  size: [80, u64le],
  chunkSectors: [88, u32le],
  raidDisks: [92, u32le],
  /** Sectors from the superblock; with a partial parity log two 16-bit halves: offset and size. */
  bitmapOffset: [96, i32le],
  newLevel: [100, i32le],
  reshapePosition: [104, u64le],
  deltaDisks: [112, i32le],
  newLayout: [116, u32le],
  newChunkSectors: [120, u32le],
  newOffset: [124, i32le],
  dataOffset: [128, u64le],
  dataSize: [136, u64le],
  superOffset: [144, u64le],
  /** Sectors of this member that are rebuilt; of a journal the block where its log begins. */
  recoveryOffset: [152, u64le],
  deviceNumber: [160, u32le],
  deviceUuid: [168, bytes(16)],
  deviceFlags: [184, u8],
  badBlockShift: [185, u8],
  badBlockSectors: [186, u16le],
  /** Sectors from the superblock. */
  badBlockOffset: [188, i32le],
  utime: [192, u64le],
  events: [200, u64le],
  /** Sectors of the array, from its start, whose redundancy is right. */
  resyncOffset: [208, u64le],
  checksum: [216, u32le],
  maxDevices: [220, u32le],
});

/** Roles that are no slot, in the array behind a {@link Superblock1}. */
export const ROLE = { spare: 0xffff, faulty: 0xfffe, journal: 0xfffd } as const;
/** No array has more slots. */
export const MAX_ROLE = 0xff00;
/** Roles that fit behind a superblock of 4096 bytes. */
export const MAX_DEVICES = (4096 - 256) / 2;

/** `MD_FEATURE_*`. */
export const FEATURE = {
  bitmap: 0x1,
  recoveryOffset: 0x2,
  reshape: 0x4,
  badBlocks: 0x8,
  replacement: 0x10,
  reshapeBackwards: 0x20,
  newOffset: 0x40,
  recoveryBitmap: 0x80,
  clustered: 0x100,
  journal: 0x200,
  ppl: 0x400,
  multiplePpls: 0x800,
  raid0Layout: 0x1000,
} as const;
export const KNOWN_FEATURES = 0x1fff;

/** `devflags`. */
export const WRITE_MOSTLY = 1;

/** `struct mdp_superblock_s`: 4096 bytes of 32-bit words in the order of the machine that made the array. Numbers are of words. */
export const WORD = {
  magic: 0,
  major: 1,
  minor: 2,
  uuid0: 5,
  ctime: 6,
  level: 7,
  sizeKib: 8,
  diskCount: 9,
  raidDisks: 10,
  mdMinor: 11,
  uuid1: 13,
  utime: 32,
  state: 33,
  activeDisks: 34,
  workingDisks: 35,
  failedDisks: 36,
  spareDisks: 37,
  checksum: 38,
  /** Two words each, the low one first on little-endian machines. */
  events: 39,
  checkpointEvents: 41,
  recoveryCheckpoint: 43,
  layout: 64,
  chunkSize: 65,
  disks: 128,
  thisDisk: 992,
} as const;
export const SUPERBLOCK_090_SIZE = 4096;
/** The superblock lies in the last 64 KiB that are aligned to 64 KiB; they belong to no array. */
export const RESERVED_090 = 65536;
/** Disks that a 0.90 superblock has room for. */
export const MAX_DISKS_090 = 27;
/** Words of `struct mdp_disk_s`, and the numbers of those that are used. */
export const DISK = { words: 32, number: 0, raidDisk: 3, state: 4 } as const;
/** Bits of a disk's state. */
export const DISK_STATE = { faulty: 1, active: 2, sync: 4, removed: 8, writeMostly: 1 << 9 } as const;
/** Bits of a 0.90 array's state. */
export const ARRAY_STATE = { clean: 1, bitmap: 1 << 8 } as const;
/** The bitmap of a 0.90 array lies right behind the superblock. */
export const BITMAP_OFFSET_090 = 4096;
/** Minor version while a reshape is under way. */
export const RESHAPE_MINOR = 91;

/** `bitm`; Linux drivers/md/md-bitmap.h, `struct bitmap_super_s`. The bits follow. */
export const BITMAP_MAGIC = 0x6d746962;
export const BitmapSuperblock = struct('bitmap_super_s', 256, {
  magic: [0, u32le],
  version: [4, u32le],
  uuid: [8, bytes(16)],
  events: [24, u64le],
  eventsCleared: [32, u64le],
  /** Sectors that the bits stand for. */
  syncSize: [40, u64le],
  state: [48, u32le],
  /** Bytes that one bit stands for. */
  chunkSize: [52, u32le],
  daemonSleep: [56, u32le],
  writeBehind: [60, u32le],
  sectorsReserved: [64, u32le],
  nodes: [68, u32le],
});

/** Linux include/uapi/linux/raid/md_p.h, `struct r5l_meta_block`: a block of 4096 bytes in a write journal. */
export const JOURNAL_MAGIC = 0x6433c509;
export const JOURNAL_BLOCK = 4096;
export const JournalBlock = struct('r5l_meta_block', 32, {
  magic: [0, u32le],
  checksum: [4, u32le],
  version: [8, u8],
  /** Bytes of the block in use, with this header. */
  metaSize: [12, u32le],
  sequence: [16, u64le],
  position: [24, u64le],
});
/** Kinds of payloads (`r5l_payload_type`): a page of the array, parity of a stripe, stripes that were written to the members. */
export const PAYLOAD = { data: 0, parity: 1, flush: 2 } as const;
/** Data or parity: its checksums, one for each page, follow; what it tells of follows the block. */
export const JournalPayload = struct('r5l_payload_data_parity', 16, {
  type: [0, u16le],
  flags: [2, u16le],
  /** Sectors; bytes of stripe numbers in a flush, which has them from byte 8 on. */
  size: [4, u32le],
  /** Sector of the array; of parity, sector of the members. */
  location: [8, u64le],
});

import { struct, u8, u16le, u32be, u32le, u64be, u64le, uuid } from '@vmcraft/core/binary';

/*
 * XFS Algorithms & Data Structures, 3rd edition, chapter 14, "Journaling Log"; for what came later the Linux kernel's
 * fs/xfs/libxfs/xfs_log_format.h as documentation of the format. Record and operation headers are big-endian; the items within are in the
 * byte order of the machine that wrote them, which the record header tells.
 */

/** Section 14.1, `xlog_rec_header`. */
export const LogRecord = struct('xlog_rec_header', 512, {
  magic: [0, u32be],
  cycle: [4, u32be],
  version: [8, u32be],
  length: [12, u32be],
  lsn: [16, u64be],
  tailLsn: [24, u64be],
  checksum: [32, u32le],
  operations: [40, u32be],
  format: [300, u32be],
  uuid: [304, uuid],
  size: [320, u32be],
});
export const LOG_MAGIC = 0xfeedbabe;
/** Where the first words of the record's basic blocks are kept, in the header and in the headers that extend it. */
export const CYCLE_DATA = { header: 44, extension: 4, count: 64 } as const;
/** Bytes of the headers that the checksum covers: as 64-bit machines lay the structure out, and as 32-bit ones do. */
export const CHECKED_HEADER = [328, 324] as const;
export const CHECKED_EXTENSION = 260;
/** `h_fmt`: written by a little-endian Linux. */
export const FORMAT_LINUX_LE = 1;
/** `h_version`: a header for every 32 KiB. */
export const LOG_VERSION_2 = 2;
/** Bytes of a record that one header describes. */
export const CYCLE_SIZE = 32_768;
export const BASIC_BLOCK = 512;

/** Section 14.2, `xlog_op_header`. */
export const LogOperation = struct('xlog_op_header', 12, {
  tid: [0, u32be],
  length: [4, u32be],
  client: [8, u8],
  flags: [9, u8],
});
export const LogFlag = { start: 1, commit: 2, continued: 4, wasContinued: 8, end: 0x10, unmount: 0x20 } as const;
/** `oh_clientid` of transactions and of the log's own. */
export const LOG_CLIENTS: readonly number[] = [0x69, 0xaa];

/** Section 14.3, `xfs_trans_header`. */
export const TRANSACTION_HEADER = { size: 16, magic: 0x5452414e } as const;

/** Section 14.3: what an item is, its first 16 bits. */
export const ItemType = {
  freeExtents: 0x1236,
  freeExtentsDone: 0x1237,
  unlinked: 0x1238,
  inode: 0x123b,
  buffer: 0x123c,
  quota: 0x123d,
  quotaOff: 0x123e,
  createInodes: 0x123f,
  reverseMap: 0x1240,
  reverseMapDone: 0x1241,
  references: 0x1242,
  referencesDone: 0x1243,
  map: 0x1244,
  mapDone: 0x1245,
  attribute: 0x1246,
  attributeDone: 0x1247,
  exchange: 0x1248,
  exchangeDone: 0x1249,
  realtimeFree: 0x124a,
  realtimeFreeDone: 0x124b,
  realtimeReverseMap: 0x124c,
  realtimeReverseMapDone: 0x124d,
  realtimeReferences: 0x124e,
  realtimeReferencesDone: 0x124f,
} as const;

/** Section 14.3.8, `xfs_buf_log_format`, before its bitmap of changed chunks. */
export const BufferItem = struct('xfs_buf_log_format', 20, {
  flags: [4, u16le],
  blocks: [6, u16le],
  block: [8, u64le],
  mapWords: [16, u32le],
});
export const BufferFlag = { inodes: 1, cancel: 2 } as const;
export const BUFFER_CHUNK = 128;
/** Where an inode has the pointer to the next one of its unlinked list, all that is logged of inodes in buffers. */
export const NEXT_UNLINKED = { at: 96, size: 4 } as const;

/** Section 14.3.9, `xfs_inode_log_format`, and the form of 32-bit machines, which has no padding. */
export const InodeItem = struct('xfs_inode_log_format', 56, {
  regions: [2, u16le],
  fields: [4, u32le],
  ino: [16, u64le],
  device: [24, u32le],
  block: [40, u64le],
  length: [48, u32le],
  offset: [52, u32le],
});
export const InodeItem32 = struct('xfs_inode_log_format_32', 52, {
  regions: [2, u16le],
  fields: [4, u32le],
  ino: [12, u64le],
  device: [20, u32le],
  block: [36, u64le],
  length: [44, u32le],
  offset: [48, u32le],
});
/** `ilf_fields`. */
export const InodeField = {
  core: 1,
  data: 2,
  extents: 4,
  root: 8,
  device: 0x10,
  attributes: 0x40,
  attributeExtents: 0x80,
  attributeRoot: 0x100,
} as const;
/** Fields of `xfs_log_dinode` by their width: the inode's own layout, in the byte order of the machine. */
export const LOGGED_INODE = {
  words16: [0, 2, 6, 20, 22, 90],
  words32: [8, 12, 16, 72, 84, 92, 128],
  words64: [56, 64, 104, 120, 152],
  bytes: [4, 5, 82, 83],
  times: [32, 40, 48, 144],
  extents: { large: 24, count: 76, attributes: 80 },
  flushes: 30,
} as const;
export const INODE_LSN = 112;

/** Section 14.3.12, `xfs_icreate_log`; big-endian but for its type. */
export const CreateItem = struct('xfs_icreate_log', 28, {
  group: [4, u32be],
  block: [8, u32be],
  count: [12, u32be],
  inodeSize: [16, u32be],
  blocks: [20, u32be],
  generation: [24, u32be],
});

/** Section 14.3.11, `xfs_dq_logformat`; a block of quotas has a checksum and a place in the log. */
export const QuotaItem = struct('xfs_dq_logformat', 24, {
  block: [8, u64le],
  length: [16, u32le],
  offset: [20, u32le],
});
export const QUOTA = { size: 104, lsn: 112, blockSize: 136 } as const;

/** Every intent and what tells that it is done have the intent's number here. */
export const INTENT_ID = 8;
/** `xfs_bui_log_format` and its extents, `xfs_map_extent`. */
export const MAP_EXTENTS = 16;
export const MapExtent = struct('xfs_map_extent', 32, {
  owner: [0, u64le],
  block: [8, u64le],
  offset: [16, u64le],
  length: [24, u32le],
  flags: [28, u32le],
});
export const MapFlag = {
  type: 0xff,
  map: 1,
  unmap: 2,
  attributes: 0x8000_0000,
  unwritten: 0x4000_0000,
  realtime: 0x2000_0000,
} as const;
/** Inodes that `xfs_attri_log_format` and `xfs_xmi_log_format` are about. */
export const ATTRIBUTE_INODE = 16;
export const EXCHANGE_INODES = [16, 24] as const;

/** Where structures of version 5 keep the place in the log of their last change, and the file system's UUID, by magic of 32 bits. */
export const BLOCK_LSN: ReadonlyMap<number, { readonly lsn: number; readonly uuid: number }> = new Map([
  ...[0x4142_3342, 0x4142_3343, 0x4941_4233, 0x4649_4233, 0x524d_4233, 0x5233_4643].map(
    (magic) => [magic, { lsn: 24, uuid: 32 }] as const,
  ),
  [0x424d_4133, { lsn: 32, uuid: 40 }],
  [0x5853_4c4d, { lsn: 48, uuid: 16 }],
  ...[0x5844_4233, 0x5844_4433, 0x5844_4633].map((magic) => [magic, { lsn: 16, uuid: 24 }] as const),
  [0x5841_4746, { lsn: 208, uuid: 64 }],
  [0x5841_464c, { lsn: 24, uuid: 8 }],
  [0x5841_4749, { lsn: 320, uuid: 296 }],
]);
/** And by the magic of hash indexes, 16 bits. */
export const INDEX_LSN = { lsn: 24, uuid: 32 } as const;
export const SUPERBLOCK_LSN = { lsn: 240, uuid: 32 } as const;

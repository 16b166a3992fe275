/** The journal (jbd2): "Journal (jbd2)" and "Fast commits" of the specification. Integers are big-endian. */
import { array, bytes, struct, u8, u16be, u16le, u32be, u32le, u64be } from '@vmcraft/core/binary';

export const JOURNAL_MAGIC = 0xc03b3998;

/** `h_blocktype`. */
export const JOURNAL_BLOCK = { DESCRIPTOR: 1, COMMIT: 2, SUPERBLOCK_V1: 3, SUPERBLOCK_V2: 4, REVOKE: 5 } as const;

/** `struct journal_header_s`. */
export const journalHeaderLayout = struct('journal_header_s', 12, {
  magic: [0x0, u32be],
  blockType: [0x4, u32be],
  sequence: [0x8, u32be],
});
export const JOURNAL_HEADER_SIZE = 12;

/** `struct journal_superblock_s`. */
export const journalSuperblockLayout = struct('journal_superblock_s', 1024, {
  magic: [0x0, u32be],
  blockType: [0x4, u32be],
  headerSequence: [0x8, u32be],
  blockSize: [0xc, u32be],
  maxLength: [0x10, u32be],
  first: [0x14, u32be],
  sequence: [0x18, u32be],
  start: [0x1c, u32be],
  errno: [0x20, u32be],
  featureCompat: [0x24, u32be],
  featureIncompat: [0x28, u32be],
  featureRoCompat: [0x2c, u32be],
  uuid: [0x30, bytes(16)],
  userCount: [0x40, u32be],
  dynamicSuperblock: [0x44, u32be],
  maxTransaction: [0x48, u32be],
  maxTransactionData: [0x4c, u32be],
  checksumType: [0x50, u8],
  fastCommitBlocks: [0x54, u32be],
  head: [0x58, u32be],
  checksum: [0xfc, u32be],
  users: [0x100, bytes(768)],
});

/** Fields of a journal superblock. */
export type JournalSuperblockFields = ReturnType<typeof journalSuperblockLayout.decode>;

export const JOURNAL_COMPAT_CHECKSUM = 0x1;
export const JOURNAL_INCOMPAT = {
  REVOKE: 0x1,
  BIT64: 0x2,
  ASYNC_COMMIT: 0x4,
  CSUM_V2: 0x8,
  CSUM_V3: 0x10,
  FAST_COMMIT: 0x20,
} as const;

/** Tag flags: the block's magic was escaped, same UUID as before, deleted, last one of its descriptor. */
export const TAG_ESCAPE = 0x1;
export const TAG_SAME_UUID = 0x2;
export const TAG_DELETED = 0x4;
export const TAG_LAST = 0x8;

/** `struct journal_block_tag_s`; `blockHi` exists with the 64bit feature. */
export const journalTagLayout = struct('journal_block_tag_s', 12, {
  block: [0x0, u32be],
  checksum: [0x4, u16be],
  flags: [0x6, u16be],
  blockHi: [0x8, u32be],
});

/** `struct journal_block_tag3_s` (checksum v3). */
export const journalTag3Layout = struct('journal_block_tag3_s', 16, {
  block: [0x0, u32be],
  flags: [0x4, u32be],
  blockHi: [0x8, u32be],
  checksum: [0xc, u32be],
});

/** `struct commit_header`. */
export const journalCommitLayout = struct('commit_header', 60, {
  checksumType: [0xc, u8],
  checksumSize: [0xd, u8],
  checksum: [0x10, array(u32be, 8)],
  commitSeconds: [0x30, u64be],
  commitNanoseconds: [0x38, u32be],
});
/** `h_chksum_type` of the CRC-32 that COMPAT_CHECKSUM uses. */
export const JOURNAL_CRC32 = 1;

/** `struct jbd2_journal_revoke_header_s`; `count` is the bytes used, header included. */
export const journalRevokeLayout = struct('jbd2_journal_revoke_header_s', 16, { count: [0xc, u32be] });

/** Tags of a fast commit block; little-endian, unlike the rest of the journal. */
export const FC_TAG = {
  ADD_RANGE: 1,
  DEL_RANGE: 2,
  CREAT: 3,
  LINK: 4,
  UNLINK: 5,
  INODE: 6,
  PAD: 7,
  TAIL: 8,
  HEAD: 9,
} as const;

/** `struct ext4_fc_tl`. */
export const fcTagLayout = struct('ext4_fc_tl', 4, { tag: [0x0, u16le], length: [0x2, u16le] });
/** `struct ext4_fc_head`. */
export const fcHeadLayout = struct('ext4_fc_head', 8, { features: [0x0, u32le], transaction: [0x4, u32le] });
/** `struct ext4_fc_tail`. */
export const fcTailLayout = struct('ext4_fc_tail', 8, { transaction: [0x0, u32le], checksum: [0x4, u32le] });
/** `struct ext4_fc_del_range`. */
export const fcDelRangeLayout = struct('ext4_fc_del_range', 12, {
  inode: [0x0, u32le],
  block: [0x4, u32le],
  length: [0x8, u32le],
});
/** `struct ext4_fc_dentry_info` without the name. */
export const fcDentryLayout = struct('ext4_fc_dentry_info', 8, { parent: [0x0, u32le], inode: [0x4, u32le] });

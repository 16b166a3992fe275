/** Directories: "Directory Entries" and "Hash Tree Directories" of the specification. */
import { struct, u8, u16le, u32le } from '@vmcraft/core/binary';

/** `struct ext4_dir_entry_2` without the name. */
export const dirEntryLayout = struct('ext4_dir_entry_2', 8, {
  inode: [0x0, u32le],
  recordLength: [0x4, u16le],
  nameLength: [0x6, u8],
  fileType: [0x7, u8],
});
export const DIR_ENTRY_HEADER = 8;
/** Longest name in bytes. */
export const NAME_MAX = 255;

/** `file_type` of an entry (filetype feature). */
export const DIR_TYPE = { UNKNOWN: 0, FILE: 1, DIR: 2, CHAR: 3, BLOCK: 4, FIFO: 5, SOCKET: 6, LINK: 7 } as const;

/** `struct ext4_dir_entry_tail`: the last 12 bytes of a leaf block with metadata_csum. */
export const dirTailLayout = struct('ext4_dir_entry_tail', 12, {
  inode: [0x0, u32le],
  recordLength: [0x4, u16le],
  nameLength: [0x6, u8],
  fileType: [0x7, u8],
  checksum: [0x8, u32le],
});
export const DIR_TAIL_SIZE = 12;
export const DIR_TAIL_TYPE = 0xde;

/** The part of `struct dx_root` after the entries `.` and `..`, at byte 24 of block 0. */
export const dxRootInfoLayout = struct('dx_root_info', 8, {
  reserved: [0x0, u32le],
  hashVersion: [0x4, u8],
  infoLength: [0x5, u8],
  indirectLevels: [0x6, u8],
  unusedFlags: [0x7, u8],
});
export const DX_ROOT_INFO_OFFSET = 24;
export const DX_ROOT_ENTRIES_OFFSET = 32;
export const DX_NODE_ENTRIES_OFFSET = 8;
export const DX_ENTRY_SIZE = 8;

/** The first slot of an array of `struct dx_entry` holds limit and count in place of the hash. */
export const dxCountLimitLayout = struct('dx_countlimit', 8, {
  limit: [0x0, u16le],
  count: [0x2, u16le],
  block: [0x4, u32le],
});

/** `struct dx_entry`. */
export const dxEntryLayout = struct('dx_entry', 8, { hash: [0x0, u32le], block: [0x4, u32le] });

/** `struct dx_tail`, after the room for entries, with metadata_csum. */
export const dxTailLayout = struct('dx_tail', 8, { reserved: [0x0, u32le], checksum: [0x4, u32le] });

/** Hash versions of `dx_root_info.hash_version`. */
export const HASH = {
  LEGACY: 0,
  HALF_MD4: 1,
  TEA: 2,
  LEGACY_UNSIGNED: 3,
  HALF_MD4_UNSIGNED: 4,
  TEA_UNSIGNED: 5,
  SIPHASH: 6,
} as const;

/** Most levels of index nodes below the root, without and with large_dir. */
export const DX_LEVELS = 2;
export const DX_LEVELS_LARGE = 3;

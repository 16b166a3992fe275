/** Inodes and block maps: "Index Nodes", "The Contents of inode.i_block", "Extent Tree" of the specification. */
import { bytes, struct, u16le, u32le } from '@vmcraft/core/binary';

/** Bytes of an inode in revision 0, and of the part every inode has. */
export const INODE_SIZE_GOOD_OLD = 128;
/** Offset and bytes of `i_block`. */
export const I_BLOCK_OFFSET = 0x28;
export const I_BLOCK_SIZE = 60;

/** `struct ext4_inode`; the fields from `extraSize` on exist in inodes above 128 bytes, as far as `extraSize` reaches. */
export const inodeLayout = struct('ext4_inode', 160, {
  mode: [0x0, u16le],
  uidLo: [0x2, u16le],
  sizeLo: [0x4, u32le],
  atime: [0x8, u32le],
  ctime: [0xc, u32le],
  mtime: [0x10, u32le],
  dtime: [0x14, u32le],
  gidLo: [0x18, u16le],
  links: [0x1a, u16le],
  blocksLo: [0x1c, u32le],
  flags: [0x20, u32le],
  versionLo: [0x24, u32le],
  block: [I_BLOCK_OFFSET, bytes(I_BLOCK_SIZE)],
  generation: [0x64, u32le],
  fileAclLo: [0x68, u32le],
  sizeHi: [0x6c, u32le],
  fragmentAddress: [0x70, u32le],
  blocksHi: [0x74, u16le],
  fileAclHi: [0x76, u16le],
  uidHi: [0x78, u16le],
  gidHi: [0x7a, u16le],
  checksumLo: [0x7c, u16le],
  extraSize: [0x80, u16le],
  checksumHi: [0x82, u16le],
  ctimeExtra: [0x84, u32le],
  mtimeExtra: [0x88, u32le],
  atimeExtra: [0x8c, u32le],
  crtime: [0x90, u32le],
  crtimeExtra: [0x94, u32le],
  versionHi: [0x98, u32le],
  projectId: [0x9c, u32le],
});

/** `i_flags`. */
export const FL = {
  SECRM: 0x1,
  UNRM: 0x2,
  COMPR: 0x4,
  SYNC: 0x8,
  IMMUTABLE: 0x10,
  APPEND: 0x20,
  NODUMP: 0x40,
  NOATIME: 0x80,
  DIRTY: 0x100,
  COMPRBLK: 0x200,
  NOCOMPR: 0x400,
  ENCRYPT: 0x800,
  INDEX: 0x1000,
  IMAGIC: 0x2000,
  JOURNAL_DATA: 0x4000,
  NOTAIL: 0x8000,
  DIRSYNC: 0x10000,
  TOPDIR: 0x20000,
  HUGE_FILE: 0x40000,
  EXTENTS: 0x80000,
  VERITY: 0x100000,
  EA_INODE: 0x200000,
  SNAPFILE: 0x1000000,
  DAX: 0x2000000,
  SNAPFILE_DELETED: 0x4000000,
  SNAPFILE_SHRUNK: 0x8000000,
  INLINE_DATA: 0x10000000,
  PROJINHERIT: 0x20000000,
  CASEFOLD: 0x40000000,
} as const;

/** Flags chattr(1) may change (`EXT4_FL_USER_MODIFIABLE`); the rest describe the inode's structure. */
export const FL_USER_MODIFIABLE =
  FL.SECRM |
  FL.UNRM |
  FL.COMPR |
  FL.SYNC |
  FL.IMMUTABLE |
  FL.APPEND |
  FL.NODUMP |
  FL.NOATIME |
  FL.JOURNAL_DATA |
  FL.NOTAIL |
  FL.DIRSYNC |
  FL.TOPDIR |
  FL.DAX |
  FL.PROJINHERIT |
  FL.CASEFOLD;

/** Flags a new object takes over from its directory (`EXT4_FL_INHERITED`). */
export const FL_INHERITED =
  FL.SECRM |
  FL.UNRM |
  FL.COMPR |
  FL.SYNC |
  FL.NODUMP |
  FL.NOATIME |
  FL.NOCOMPR |
  FL.JOURNAL_DATA |
  FL.NOTAIL |
  FL.DIRSYNC |
  FL.PROJINHERIT |
  FL.CASEFOLD |
  FL.DAX;

/** Direct pointers in `i_block`; then one each of single, double and triple indirect. */
export const DIRECT_BLOCKS = 12;
export const INDIRECT_SLOT = 12;

/** `struct ext4_extent_header`. */
export const extentHeaderLayout = struct('ext4_extent_header', 12, {
  magic: [0x0, u16le],
  entries: [0x2, u16le],
  max: [0x4, u16le],
  depth: [0x6, u16le],
  generation: [0x8, u32le],
});
export const EXTENT_MAGIC = 0xf30a;
/** Bytes of a header, an index and an extent alike. */
export const EXTENT_ENTRY_SIZE = 12;
/** Greatest `eh_depth`: five levels reach 2^32 blocks in the smallest block size. */
export const EXTENT_MAX_DEPTH = 5;

/** `struct ext4_extent_idx`. */
export const extentIndexLayout = struct('ext4_extent_idx', 12, {
  block: [0x0, u32le],
  leafLo: [0x4, u32le],
  leafHi: [0x8, u16le],
});

/** `struct ext4_extent`; a length above 32768 means unwritten, of `length - 32768` blocks. */
export const extentLayout = struct('ext4_extent', 12, {
  block: [0x0, u32le],
  length: [0x4, u16le],
  startHi: [0x6, u16le],
  startLo: [0x8, u32le],
});
/** Most blocks in a written extent; unwritten ones have one less. */
export const EXTENT_MAX_LENGTH = 32768;

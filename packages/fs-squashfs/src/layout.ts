import { struct, u16le, u32le, u64le } from '@vmcraft/core/binary';

/*
 * Squashfs 4.0, as the Linux kernel (Documentation/filesystems/squashfs.rst) and "Squashfs Binary Format" (squashfs-tools-ng,
 * doc/format.adoc, 2023) describe it. All integers are little-endian.
 */

/** Format, section 2.1, "The Superblock". Positions are bytes from the start of the device. */
export const Superblock = struct('squashfs superblock', 96, {
  magic: [0, u32le],
  inodeCount: [4, u32le],
  modificationTime: [8, u32le],
  blockSize: [12, u32le],
  fragmentCount: [16, u32le],
  compressor: [20, u16le],
  blockLog: [22, u16le],
  flags: [24, u16le],
  idCount: [26, u16le],
  versionMajor: [28, u16le],
  versionMinor: [30, u16le],
  rootInode: [32, u64le],
  bytesUsed: [40, u64le],
  idTable: [48, u64le],
  xattrTable: [56, u64le],
  inodeTable: [64, u64le],
  directoryTable: [72, u64le],
  fragmentTable: [80, u64le],
  exportTable: [88, u64le],
});
export const SQUASHFS_MAGIC = 0x73717368;
/** A table that is not there. */
export const NO_TABLE = 0xffff_ffff_ffff_ffffn;

/** Section 2.1, field "compressor". */
export const COMPRESSORS: readonly (string | undefined)[] = [undefined, 'gzip', 'lzma', 'lzo', 'xz', 'lz4', 'zstd'];

/** Section 2.2, "Packing Metadata": a block holds this many bytes, and its 16-bit header says its packed size and whether it is packed. */
export const METADATA_SIZE = 8192;
export const METADATA_UNPACKED = 0x8000;

/** Section 2.3, "Packing File Data": the size of a data block, and whether it is stored as it is; 0 is a block of zeros. */
export const DATA_SIZE_MASK = 0x00ff_ffff;
export const DATA_UNPACKED = 0x0100_0000;

/** Section 3.1, "Inode Table": what all inodes begin with. */
export const InodeHeader = struct('squashfs inode', 16, {
  type: [0, u16le],
  permissions: [2, u16le],
  uidIndex: [4, u16le],
  gidIndex: [6, u16le],
  modificationTime: [8, u32le],
  number: [12, u32le],
});

/** Sections 3.1.1 to 3.1.5: inode types; extended ones are 7 higher than the basic ones. */
export const InodeType = {
  directory: 1,
  file: 2,
  symlink: 3,
  blockDevice: 4,
  charDevice: 5,
  fifo: 6,
  socket: 7,
} as const;
export const EXTENDED = 7;

/** Section 3.1.1; offsets in these structures count from the end of the header. */
export const DirectoryInode = struct('squashfs directory inode', 16, {
  block: [0, u32le],
  links: [4, u32le],
  size: [8, u16le],
  offset: [10, u16le],
  parent: [12, u32le],
});
export const ExtendedDirectoryInode = struct('squashfs extended directory inode', 24, {
  links: [0, u32le],
  size: [4, u32le],
  block: [8, u32le],
  parent: [12, u32le],
  indexCount: [16, u16le],
  offset: [18, u16le],
  xattr: [20, u32le],
});

/** Section 3.1.2; the sizes of the data blocks follow. */
export const FileInode = struct('squashfs file inode', 16, {
  start: [0, u32le],
  fragment: [4, u32le],
  fragmentOffset: [8, u32le],
  size: [12, u32le],
});
export const ExtendedFileInode = struct('squashfs extended file inode', 40, {
  start: [0, u64le],
  size: [8, u64le],
  sparse: [16, u64le],
  links: [24, u32le],
  fragment: [28, u32le],
  fragmentOffset: [32, u32le],
  xattr: [36, u32le],
});
/** No fragment, and no extended attributes. */
export const NONE = 0xffff_ffff;

/** Section 3.1.3; the target follows, and in extended ones then the index of the extended attributes. */
export const SymlinkInode = struct('squashfs symlink inode', 8, { links: [0, u32le], targetSize: [4, u32le] });
/** Sections 3.1.4 and 3.1.5; extended ones end with the index of the extended attributes. */
export const DeviceInode = struct('squashfs device inode', 8, { links: [0, u32le], device: [4, u32le] });
export const IpcInode = struct('squashfs IPC inode', 4, { links: [0, u32le] });

/** Section 3.2, "Directory Table". */
export const DirectoryHeader = struct('squashfs directory header', 12, {
  count: [0, u32le],
  start: [4, u32le],
  inodeNumber: [8, u32le],
});
export const DirectoryEntry = struct('squashfs directory entry', 8, {
  offset: [0, u16le],
  type: [4, u16le],
  nameSize: [6, u16le],
});
/** Entries below one header. */
export const MAX_ENTRIES = 256;
/** A directory's size counts `.` and `..`, which are not stored, as this many bytes. */
export const DOTS_SIZE = 3;
/** Section 3.2.2, "Directory Index"; the name follows. */
export const DirectoryIndex = struct('squashfs directory index', 12, {
  index: [0, u32le],
  start: [4, u32le],
  nameSize: [8, u32le],
});

/** Section 3.3, "Fragment Table". */
export const FragmentEntry = struct('squashfs fragment entry', 16, { start: [0, u64le], size: [8, u32le] });

/** Section 3.6, "Extended Attribute Table": its head, its entries, and the prefixes of names. */
export const XattrTable = struct('squashfs xattr table', 16, { start: [0, u64le], count: [8, u32le] });
export const XattrEntry = struct('squashfs xattr entry', 16, {
  reference: [0, u64le],
  count: [8, u32le],
  size: [12, u32le],
});
export const XATTR_PREFIXES: readonly string[] = ['user.', 'trusted.', 'security.'];
/** The value is elsewhere. */
export const XATTR_OUT_OF_LINE = 0x100;

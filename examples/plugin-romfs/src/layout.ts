import { bytes, struct, u32be } from '@vmcraft/core/binary';

/*
 * romfs, as the Linux kernel documents it: Documentation/filesystems/romfs.rst. All integers are big-endian.
 */

/** "The file system starts with": the superblock; the volume name follows, padded to 16 bytes. */
export const Superblock = struct('romfs superblock', 16, {
  magic: [0, bytes(8)],
  fullSize: [8, u32be],
  checksum: [12, u32be],
});
/** `-rom1fs-`. */
export const ROMFS_MAGIC = Uint8Array.of(0x2d, 0x72, 0x6f, 0x6d, 0x31, 0x66, 0x73, 0x2d);
/** The checksum covers this much of the start, or the whole when it is smaller. */
export const CHECKED_BYTES = 512;

/** "the following bytes are now part of the file system": a file header; the name follows, padded to 16 bytes, then the contents. */
export const FileHeader = struct('romfs file header', 16, {
  next: [0, u32be],
  spec: [4, u32be],
  size: [8, u32be],
  checksum: [12, u32be],
});

/** Headers and contents start on multiples of this. */
export const ALIGNMENT = 16;
/** Low bits of `next`: the type, and whether the file is executable. */
export const TYPE_MASK = 7;
export const EXECUTABLE = 8;

/** "File types". */
export const FileKind = {
  hardLink: 0,
  directory: 1,
  regular: 2,
  symlink: 3,
  blockDevice: 4,
  charDevice: 5,
  socket: 6,
  fifo: 7,
} as const;

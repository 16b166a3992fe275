/** Extended attributes: "Extended Attributes" of the specification. */
import { array, struct, u8, u16le, u32le } from '@vmcraft/core/binary';

export const XATTR_MAGIC = 0xea020000;

/** `struct ext4_xattr_header`: start of an attribute block. */
export const xattrHeaderLayout = struct('ext4_xattr_header', 32, {
  magic: [0x0, u32le],
  refcount: [0x4, u32le],
  blocks: [0x8, u32le],
  hash: [0xc, u32le],
  checksum: [0x10, u32le],
  reserved: [0x14, array(u32le, 3)],
});
export const XATTR_HEADER_SIZE = 32;
/** Most inodes that may share one attribute block (`EXT4_XATTR_REFCOUNT_MAX`). */
export const XATTR_REFCOUNT_MAX = 1024;

/** `struct ext4_xattr_entry` without the name. */
export const xattrEntryLayout = struct('ext4_xattr_entry', 16, {
  nameLength: [0x0, u8],
  nameIndex: [0x1, u8],
  valueOffset: [0x2, u16le],
  valueInode: [0x4, u32le],
  valueSize: [0x8, u32le],
  hash: [0xc, u32le],
});
export const XATTR_ENTRY_SIZE = 16;
/** Names and values are padded to this. */
export const XATTR_ALIGN = 4;

/** `e_name_index`: the name's prefix. */
export const XATTR_INDEX = {
  USER: 1,
  POSIX_ACL_ACCESS: 2,
  POSIX_ACL_DEFAULT: 3,
  TRUSTED: 4,
  LUSTRE: 5,
  SECURITY: 6,
  SYSTEM: 7,
  RICHACL: 8,
  ENCRYPTION: 9,
  HURD: 10,
} as const;

/** `struct ext4_acl_header` and entries: "POSIX ACLs" of the specification. */
export const ACL_EXT_VERSION = 1;
/** Version of the form that getxattr(2) gives. */
export const ACL_XATTR_VERSION = 2;
export const ACL_TAG = { USER_OBJ: 1, USER: 2, GROUP_OBJ: 4, GROUP: 8, MASK: 0x10, OTHER: 0x20 } as const;

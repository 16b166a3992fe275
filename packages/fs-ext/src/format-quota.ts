import { viewOf } from '@vmcraft/core/binary';

/** Quota files of the VFS version 1 format, as "quota" of Documentation/filesystems and quota_v2 define it. */
const QUOTA_MAGIC = { user: 0xd9c01f11, group: 0xd9c01927, project: 0xd9c03f14 } as const;

/** Which ids a quota file counts. */
export type QuotaKind = keyof typeof QUOTA_MAGIC;

/** Blocks of a quota file have this many bytes, whatever the file system's. */
const QUOTA_BLOCK = 1024;
const VERSION_1 = 1;
/** A week, in seconds: the grace time setquota starts with. */
const GRACE = 604_800;
/** Header, four levels of the tree for id 0, and one block of entries. */
const BLOCKS = 6;
const ENTRY_OFFSET = 16;

/** Bytes of a quota file with an entry for id 0. */
export const QUOTA_FILE_SIZE = BLOCKS * QUOTA_BLOCK;

/** A quota file in which id 0 owns `inodes` files of `bytes` bytes in all. */
export function quotaFile(kind: QuotaKind, inodes: number, bytes: number): Uint8Array {
  const file = new Uint8Array(QUOTA_FILE_SIZE);
  const view = viewOf(file);
  view.setUint32(0, QUOTA_MAGIC[kind], true);
  view.setUint32(4, VERSION_1, true);
  view.setUint32(8, GRACE, true);
  view.setUint32(12, GRACE, true);
  view.setUint32(20, BLOCKS, true);
  view.setUint32(28, BLOCKS - 1, true);
  for (let level = 1; level < BLOCKS - 1; level++) view.setUint32(level * QUOTA_BLOCK, level + 1, true);
  const at = (BLOCKS - 1) * QUOTA_BLOCK;
  view.setUint16(at + 8, 1, true);
  view.setBigUint64(at + ENTRY_OFFSET + 24, BigInt(inodes), true);
  view.setBigUint64(at + ENTRY_OFFSET + 48, BigInt(bytes), true);
  return file;
}

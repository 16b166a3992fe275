import { bytes, latin1, struct, u32le } from '@vmcraft/core/binary';

/** Logs are divided into sectors of at least this size; log entries and dirty pages of the old format are a multiple of it. */
export const LOG_SECTOR = 512;

/** Section "Old format", "Dirty vector". */
export const DIRTY_SIGNATURE = 'DIRT';
/** Bytes of a page of the old format's dirty vector. */
export const DIRTY_PAGE = 512;

/** Section "New format", "Log entries". */
export const LogEntry = struct('regf.LogEntry', 40, {
  signature: [0, latin1(4)],
  size: [4, u32le],
  flags: [8, u32le],
  sequence: [12, u32le],
  binsSize: [16, u32le],
  pageCount: [20, u32le],
  hash1: [24, bytes(8)],
  hash2: [32, bytes(8)],
});

/** Bytes of an entry that its second hash covers. */
export const HASHED_HEADER = 32;

/** Section "New format", a dirty page reference. */
export const PageReference = struct('regf.DirtyPageReference', 8, {
  offset: [0, u32le],
  size: [4, u32le],
});

/** Seed of both hashes, 82 EF 4D 88 7A 4E 55 C5 as one number. Section "New format", note 3. */
export const HASH_SEED = { low: 0x7a4e55c5, high: 0x82ef4d88 } as const;

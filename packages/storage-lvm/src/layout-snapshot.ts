import { struct, u32le } from '@vmcraft/core/binary';

/** On-disk structures of dm-snapshot's persistent store (Linux Documentation/admin-guide/device-mapper/snapshot.rst). */

/** `SnAp`. */
export const SNAPSHOT_MAGIC = 0x70416e53;
export const SNAPSHOT_VERSION = 1;

/** `struct disk_header`, in chunk 0. */
export const SnapshotHeader = struct('dm_snapshot disk_header', 16, {
  magic: [0, u32le],
  /** 0 once the store has overflowed. */
  valid: [4, u32le],
  version: [8, u32le],
  /** Sectors. */
  chunkSize: [12, u32le],
});

/** Bytes of a `struct disk_exception`: chunk of the origin, chunk of the store; the latter is 0 behind the last one. */
export const EXCEPTION_SIZE = 16;

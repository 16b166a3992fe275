import { struct, u32le, u64le } from '@vmcraft/core/binary';

/** On-disk structures of dm-raid and dm-mirror (Linux Documentation/admin-guide/device-mapper/dm-raid.rst, dm-log.rst). */

/** `DmRd`. */
export const RAID_MAGIC = 0x64526d44;
/** The superblock has the fields from `flags` on. */
export const RAID_V190 = 1;
/** A reshape is under way. */
export const RAID_RESHAPING = 1;
/** "All of it" where a field counts sectors. */
export const ALL_SECTORS = 0xffff_ffff_ffff_ffffn;

/** `struct dm_raid_superblock`, at the start of every `rmeta` volume. */
export const RaidSuperblock = struct('dm_raid_superblock', 512, {
  magic: [0, u32le],
  compatFeatures: [4, u32le],
  disks: [8, u32le],
  position: [12, u32le],
  events: [16, u64le],
  /** A bit for every disk that failed. */
  failedDevices: [24, u64le],
  /** Sectors of this disk that are rebuilt. */
  recoveryOffset: [32, u64le],
  /** Sectors of the array whose redundancy is right. */
  resyncOffset: [40, u64le],
  level: [48, u32le],
  layout: [52, u32le],
  stripeSectors: [56, u32le],
  flags: [60, u32le],
  reshapePosition: [64, u64le],
  newLevel: [72, u32le],
  newLayout: [76, u32le],
  newStripeSectors: [80, u32le],
  deltaDisks: [84, u32le],
  arraySectors: [88, u64le],
  /** Sectors before the data of a disk; a reshape leaves some. */
  dataOffset: [96, u64le],
  newDataOffset: [104, u64le],
});

/** `MiRr`. */
export const MIRROR_LOG_MAGIC = 0x4d695272;
/** `struct log_header_disk` of dm-mirror's log. */
export const MirrorLogHeader = struct('log_header_disk', 16, {
  magic: [0, u32le],
  version: [4, u32le],
  regions: [8, u64le],
});
/** Bytes before the bits of the regions: set where the legs agree. */
export const MIRROR_LOG_BITS = 1024;

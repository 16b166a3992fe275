import type { Location, Vfs } from '../vfs/index.js';
import type { StructValue } from './structs.js';

/** Device numbers of guest file systems: major 8, as the disks that they are on. */
const GUEST_MAJOR = 8;

/** A device number as makedev(3) of glibc makes it. */
export function makeDevice(major: number, minor: number): number {
  const low = (minor & 0xff) | ((major & 0xfff) << 8);
  return low + (minor >>> 8) * 2 ** 20 + (major >>> 12) * 2 ** 44;
}

/** guestfs `statns` of what is at a location. */
export async function statnsAt(vfs: Vfs, location: Location): Promise<StructValue<'statns'>> {
  const stat = await vfs.statAt(location);
  return {
    st_dev: makeDevice(GUEST_MAJOR, vfs.deviceOf(location)),
    st_ino: stat.ino,
    st_mode: stat.mode,
    st_nlink: stat.nlink,
    st_uid: stat.uid,
    st_gid: stat.gid,
    st_rdev: makeDevice(stat.rdev.major, stat.rdev.minor),
    st_size: stat.size,
    st_blksize: stat.blockSize,
    st_blocks: stat.blocks,
    st_atime_sec: stat.atime.sec,
    st_atime_nsec: stat.atime.nsec,
    st_mtime_sec: stat.mtime.sec,
    st_mtime_nsec: stat.mtime.nsec,
    st_ctime_sec: stat.ctime.sec,
    st_ctime_nsec: stat.ctime.nsec,
    ...SPARE,
  };
}

const SPARE = { st_spare1: 0, st_spare2: 0, st_spare3: 0, st_spare4: 0, st_spare5: 0, st_spare6: 0 };

const MISSING = {
  st_dev: 0,
  st_ino: -1,
  st_mode: 0,
  st_nlink: 0,
  st_uid: 0,
  st_gid: 0,
  st_rdev: 0,
  st_size: 0,
  st_blksize: 0,
  st_blocks: 0,
  st_atime_sec: 0,
  st_atime_nsec: 0,
  st_mtime_sec: 0,
  st_mtime_nsec: 0,
  st_ctime_sec: 0,
  st_ctime_nsec: 0,
  ...SPARE,
};

/** What the list functions give for a name that is not there: `st_ino` is -1. */
export function missingStatns(): StructValue<'statns'> {
  return { ...MISSING };
}

/** The older structure, without nanoseconds. */
export function statOf(s: StructValue<'statns'>): StructValue<'stat'> {
  return {
    dev: s.st_dev,
    ino: s.st_ino,
    mode: s.st_mode,
    nlink: s.st_nlink,
    uid: s.st_uid,
    gid: s.st_gid,
    rdev: s.st_rdev,
    size: s.st_size,
    blksize: s.st_blksize,
    blocks: s.st_blocks,
    atime: s.st_atime_sec,
    mtime: s.st_mtime_sec,
    ctime: s.st_ctime_sec,
  };
}

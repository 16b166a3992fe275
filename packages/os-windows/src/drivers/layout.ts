import { guid, struct, u16le, u64le } from '@vmcraft/core/binary';

/*
 * Windows does not document DriverDatabase. These layouts are read from hives that Windows 10 wrote itself, where packages of known
 * date, version, class and processor stand side by side.
 */

/** Value `Version` of a key below DriverPackages. */
export const PackageVersion = struct('DriverPackages.Version', 48, {
  /** 0xff00 for packages that were added, 0xffff for those that came with Windows. */
  origin: [0, u16le],
  /** PROCESSOR_ARCHITECTURE_*. */
  processor: [2, u16le],
  classGuid: [8, guid],
  /** FILETIME of the day in DriverVer. */
  date: [24, u64le],
  revision: [32, u16le],
  build: [34, u16le],
  minor: [36, u16le],
  major: [38, u16le],
});

/** `origin` of packages that do not come with Windows. */
export const ORIGIN_ADDED = 0xff00;

/** First byte of a value below DeviceIds: the id stands first in its line of the INF, or after it. */
export const IdRank = { HARDWARE: 1, COMPATIBLE: 2 } as const;

/** StatusFlags of packages whose settings the database has too. */
export const STATUS_CONFIGURED = 0x12;

/** Bits of ConfigScope: which parts the install section has. */
export const ConfigScope = { DRIVER: 1, HARDWARE: 2, SERVICES: 4, CO_INSTALLERS: 0x100 } as const;

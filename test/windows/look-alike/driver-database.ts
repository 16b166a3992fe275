import { type InboxDriver, inboxDrivers, packageName } from './driver-table.js';
import { binary, bytes, dword, expand, filetime, multi, type RegKeys, type RegValue, sz } from './reg-text.js';
import { atLeast, type Release } from './releases.js';

type Keys = Record<string, Record<string, RegValue>>;

/** Processor architectures of winnt.h, as DriverDatabase\Architecture has them. */
const ARCHITECTURES = { x86: 0, amd64: 9, arm64: 12 } as const;

/** Services of the drivers, and what binds hardware ids to them: CriticalDeviceDatabase before Windows 8, DriverDatabase after. */
export function driverKeys(r: Release, controlSet: string): RegKeys {
  const drivers = inboxDrivers(r);
  const keys: Keys = {};
  for (const d of drivers) keys[`${controlSet}\\Services\\${d.service}`] = service(r, d);
  if (atLeast(r, 6, 2))
    Object.assign(keys, database(r, drivers), { [`${controlSet}\\Control\\CriticalDeviceDatabase`]: {} });
  else Object.assign(keys, criticalDevices(drivers, controlSet));
  return keys;
}

function service(r: Release, d: InboxDriver): Record<string, RegValue> {
  return {
    DisplayName: sz(d.displayName),
    ErrorControl: dword(d.errorControl),
    ...(d.group === undefined ? {} : { Group: sz(d.group) }),
    ImagePath: expand(`System32\\drivers\\${d.file}`),
    ...(atLeast(r, 6, 2) ? { Owners: multi(d.inf) } : { DriverPackageId: sz(packageName(r, d.inf)) }),
    Start: dword(d.start),
    ...(d.tag === undefined ? {} : { Tag: dword(d.tag) }),
    Type: dword(1),
  };
}

function criticalDevices(drivers: readonly InboxDriver[], controlSet: string): Keys {
  const keys: Keys = {};
  for (const d of drivers) {
    for (const id of d.ids) {
      const key = id.replaceAll('\\', '#').toLowerCase();
      keys[`${controlSet}\\Control\\CriticalDeviceDatabase\\${key}`] = {
        ClassGUID: sz(d.classGuid.toUpperCase()),
        Service: sz(d.service),
      };
    }
  }
  return keys;
}

function database(r: Release, drivers: readonly InboxDriver[]): Keys {
  const keys: Keys = {
    DriverDatabase: {
      Architecture: dword(ARCHITECTURES[r.arch]),
      OemInfMap: binary(0xff, 0x80),
      SchemaVersion: dword(0x10000),
      SetupStatus: dword(0),
      UpdateDate: bytes(le64(filetime(r.installed))),
      Version: dword(((r.major << 24) | (r.minor << 16)) >>> 0),
    },
    'DriverDatabase\\DriverFiles': {},
  };
  for (const inf of new Set(drivers.map((d) => d.inf)))
    Object.assign(
      keys,
      driverPackage(
        r,
        inf,
        drivers.filter((d) => d.inf === inf),
      ),
    );
  return keys;
}

function driverPackage(r: Release, inf: string, drivers: readonly InboxDriver[]): Keys {
  const name = packageName(r, inf);
  const at = `DriverDatabase\\DriverPackages\\${name}`;
  const keys: Keys = {
    [`DriverDatabase\\DriverInfFiles\\${inf}`]: {
      '@': multi(name),
      Active: sz(name),
      Configurations: multi(...drivers.map((d) => d.section)),
    },
    [at]: {
      '@': sz(inf),
      Provider: sz('Microsoft'),
      SignerScore: dword(0x0d000003),
      StatusFlags: dword(0x12),
      Version: bytes(versionBlob(r, drivers[0]!.classGuid)),
    },
    [`${at}\\Strings`]: { 'ms-provider': sz('Microsoft') },
  };
  for (const d of drivers) {
    keys[`${at}\\Configurations\\${d.section}`] = {
      ConfigFlags: dword(0),
      ConfigScope: dword(7),
      Service: sz(d.service),
    };
    for (const id of d.ids) {
      keys[`DriverDatabase\\DeviceIds\\${id}`] = { [inf]: binary(1, 0xff, 0, 0) };
      keys[`${at}\\Descriptors\\${id}`] = {
        Configuration: sz(d.section),
        Description: sz(`%${d.service}.devicedesc%`),
        Manufacturer: sz('%ms-provider%'),
      };
    }
  }
  return keys;
}

/** The 48 bytes of a package's Version as real hives have them: architecture, class, date, version. */
function versionBlob(r: Release, classGuid: string): Uint8Array {
  const blob = Buffer.alloc(48);
  blob.writeUInt16LE(0xffff, 0);
  blob.writeUInt16LE(ARCHITECTURES[r.arch], 2);
  Buffer.from(guidBytes(classGuid)).copy(blob, 8);
  blob.writeBigUInt64LE(filetime(1_150_848_000), 24);
  blob.writeUInt16LE(1, 32);
  blob.writeUInt16LE(r.build, 34);
  blob.writeUInt16LE(r.minor, 36);
  blob.writeUInt16LE(r.major, 38);
  return new Uint8Array(blob);
}

/** The bytes of a GUID as Windows keeps them: the first three parts little-endian. */
export function guidBytes(guid: string): Uint8Array {
  const b = Buffer.from(guid.replace(/[{}-]/g, ''), 'hex');
  return Uint8Array.from([b[3]!, b[2]!, b[1]!, b[0]!, b[5]!, b[4]!, b[7]!, b[6]!, ...b.subarray(8)]);
}

function le64(value: bigint): Uint8Array {
  const b = Buffer.alloc(8);
  b.writeBigUInt64LE(value);
  return new Uint8Array(b);
}

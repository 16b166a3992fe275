import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import { atLeast, type Release } from './look-alike/releases.js';

/** What one driver must have in the registry. */
export interface ExpectedDriver {
  readonly name: string;
  readonly published: string;
  readonly storeName: string;
  readonly start: number;
  readonly group: string;
  readonly classGuid: string;
  readonly section: string;
  /** Legacy and modern id without subsystem, then with it. */
  readonly ids: readonly { readonly id: string; readonly rank: 1 | 2 }[];
}

/** The drivers of the sample tree, as they must be in a guest. */
export function expectedDriver(name: string, published: string, storeName: string): ExpectedDriver {
  const pci = (device: string, subsystem: string) => [
    { id: `PCI\\VEN_1AF4&DEV_${device}&SUBSYS_${subsystem}`, rank: 1 as const },
    { id: `PCI\\VEN_1AF4&DEV_${device}`, rank: 2 as const },
  ];
  const scsi = { start: 0, group: 'SCSI miniport', classGuid: '{4d36e97b-e325-11ce-bfc1-08002be10318}' };
  const known = {
    viostor: {
      ...scsi,
      section: 'virtio_blk_inst',
      ids: [...pci('1001', '00021AF4&REV_00'), ...pci('1042', '11001AF4&REV_01')],
    },
    vioscsi: {
      ...scsi,
      section: 'virtio_scsi_inst',
      ids: [...pci('1004', '00081AF4&REV_00'), ...pci('1048', '11001AF4&REV_01')],
    },
    netkvm: {
      start: 3,
      group: 'NDIS',
      classGuid: '{4d36e972-e325-11ce-bfc1-08002be10318}',
      section: 'Nic.ndi.NT',
      ids: [...pci('1000', '00011AF4&REV_00'), ...pci('1041', '11001AF4&REV_01')],
    },
  }[name]!;
  return { name, published, storeName, ...known };
}

/** Reads a hive with hivex alone. */
export class HivexReader {
  readonly #keys = new Map<string, Map<string, string>>();

  constructor(hive: string) {
    const text = execFileSync('hivexregedit', ['--export', hive, '\\'], { maxBuffer: 1 << 28 }).toString('latin1');
    let key = new Map<string, string>();
    for (const line of text.split(/\r?\n/)) {
      const header = /^\[\\?(.*)\]$/.exec(line);
      if (header !== null) {
        key = new Map();
        this.#keys.set(header[1]!.toLowerCase(), key);
        continue;
      }
      const value = /^(@|"((?:[^"\\]|\\.)*)")=(.*)$/.exec(line);
      if (value !== null) key.set((value[2] ?? '').replace(/\\(.)/g, '$1').toLowerCase(), value[3]!);
    }
  }

  has(key: string): boolean {
    return this.#keys.has(key.toLowerCase());
  }

  /** Bytes of a value, after its type: `2:6500…`; dwords as `dword:00000001`. */
  raw(key: string, name: string): string | undefined {
    return this.#keys.get(key.toLowerCase())?.get(name.toLowerCase());
  }

  /** Type and text of a string value. */
  text(key: string, name: string): { type: number; text: string } | undefined {
    const match = /^hex\((\d+)\):([0-9a-f,]*)$/.exec(this.raw(key, name) ?? '');
    if (match === null) return undefined;
    const bytes = Buffer.from(match[2]!.replaceAll(',', ''), 'hex');
    return { type: Number(match[1]), text: bytes.toString('utf16le').replace(/\0+$/, '') };
  }

  dword(key: string, name: string): number | undefined {
    const match = /^dword:([0-9a-f]{8})$/.exec(this.raw(key, name) ?? '');
    return match === null ? undefined : Number.parseInt(match[1]!, 16);
  }

  binary(key: string, name: string): string | undefined {
    return /^hex\(3\):([0-9a-f,]*)$/.exec(this.raw(key, name) ?? '')?.[1]?.replaceAll(',', '');
  }
}

/** Every key and value of the recipe, by hivex. */
export function checkWithHivex(
  r: Release,
  systemHive: string,
  softwareHive: string,
  drivers: readonly ExpectedDriver[],
): void {
  const system = new HivexReader(systemHive);
  const software = new HivexReader(softwareHive);
  const set = `ControlSet00${r.controlSet}`;
  const path = software.text('Microsoft\\Windows\\CurrentVersion', 'DevicePath');
  expect(path?.type).toBe(2);
  for (const d of drivers) {
    checkService(system, set, d);
    const folder = `%SystemRoot%\\Drivers\\VMCraft\\${d.name}`;
    expect(path!.text.split(';').filter((p) => p === folder)).toHaveLength(1);
    if (atLeast(r, 6, 2)) checkDatabase(r, system, d);
    else checkCriticalDevices(system, set, d);
  }
}

function checkService(system: HivexReader, set: string, d: ExpectedDriver): void {
  const key = `${set}\\Services\\${d.name}`;
  expect(system.dword(key, 'Type')).toBe(1);
  expect(system.dword(key, 'Start')).toBe(d.start);
  expect(system.dword(key, 'ErrorControl')).toBe(1);
  expect(system.text(key, 'Group')).toEqual({ type: 1, text: d.group });
  expect(system.text(key, 'ImagePath')).toEqual({ type: 2, text: `system32\\drivers\\${d.name}.sys` });
  if (d.start === 0) expect(system.dword(key, 'Tag')).toBeGreaterThan(0);
  expect(system.has(`${key}\\StartOverride`)).toBe(false);
  expect(system.dword(`${set}\\Services\\EventLog\\System\\${d.name}`, 'TypesSupported')).toBe(7);
}

function checkCriticalDevices(system: HivexReader, set: string, d: ExpectedDriver): void {
  for (const { id } of d.ids) {
    const key = `${set}\\Control\\CriticalDeviceDatabase\\${id.replace('\\', '#')}`;
    if (d.start !== 0) {
      expect(system.has(key)).toBe(false);
      continue;
    }
    expect(system.text(key, 'Service')).toEqual({ type: 1, text: d.name });
    expect(system.text(key, 'ClassGUID')).toEqual({ type: 1, text: d.classGuid.toUpperCase() });
  }
  expect(system.has(`DriverDatabase\\DriverPackages\\${d.storeName}`)).toBe(false);
}

function checkDatabase(r: Release, system: HivexReader, d: ExpectedDriver): void {
  const inf = `DriverDatabase\\DriverInfFiles\\${d.published}`;
  expect(system.text(inf, '')).toEqual({ type: 7, text: d.storeName });
  expect(system.text(inf, 'Active')).toEqual({ type: 1, text: d.storeName });
  expect(system.text(inf, 'Configurations')).toEqual({ type: 7, text: d.section });
  const pack = `DriverDatabase\\DriverPackages\\${d.storeName}`;
  expect(system.text(pack, '')).toEqual({ type: 1, text: d.published });
  const version = Buffer.from(system.binary(pack, 'Version')!, 'hex');
  expect(version).toHaveLength(48);
  expect(version.readUInt16LE(2)).toBe({ x86: 0, amd64: 9, arm64: 12 }[r.arch]);
  expect([38, 36, 34, 32].map((at) => version.readUInt16LE(at))).toEqual([100, 95, 104, 26200]);
  expect(version.readUInt32LE(8).toString(16)).toBe(d.classGuid.slice(1, 9));
  expect(version.readBigUInt64LE(24)).toBe((BigInt(Date.UTC(2024, 6, 15) / 1000) + 11_644_473_600n) * 10_000_000n);
  expect(system.dword(`${pack}\\Configurations\\${d.section}`, 'ConfigFlags')).toBe(0);
  expect(system.text(`${pack}\\Configurations\\${d.section}`, 'Service')?.text).toBe(d.name);
  for (const { id, rank } of d.ids) {
    expect(system.binary(`DriverDatabase\\DeviceIds\\${id}`, d.published)).toBe(`0${rank}ff0000`);
    expect(system.text(`${pack}\\Descriptors\\${id}`, 'Configuration')?.text).toBe(d.section);
  }
  const map = Buffer.from(system.binary('DriverDatabase', 'OemInfMap')!, 'hex');
  const number = Number(/\d+/.exec(d.published)![0]);
  expect(map[number >> 3]! & (0x80 >> (number & 7))).not.toBe(0);
}

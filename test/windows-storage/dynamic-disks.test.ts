import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ldmActions } from '@vmcraft/storage-ldm';
import { requireTools } from '@vmcraft/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { IN_PROCESS } from '../guest/in-process.js';
import { DISKS_NEED, GROUPS, hashOf, type Release, shownDevices, WindowsDisks } from './dynamic-disks.js';

const API = join(import.meta.dirname, '../../../shared/guestfs-api.json');
const RELEASES = Object.keys(GROUPS) as Release[];
const readonly = { ...IN_PROCESS, readonly: true } as const;

describe.runIf(requireTools(...DISKS_NEED))('dynamic disks that Windows made', () => {
  let disks: WindowsDisks;
  beforeEach(() => {
    disks = new WindowsDisks();
  });
  afterEach(() => disks[Symbol.dispose]());

  /** Overwrite a span of a disk with zeroes. */
  function zero(name: string, at: number, length: number): void {
    const file = openSync(join(disks.folder, name), 'r+');
    writeSync(file, Buffer.alloc(length), 0, length, at);
    closeSync(file);
  }

  it.each(RELEASES)('%s: all is as ldmtool and device mapper show it', async (release) => {
    const { guid, name } = GROUPS[release];
    const shown = shownDevices(release);
    const volumes = shown.filter((d) => d.type !== '');
    const names = (list: readonly { readonly device: string }[]): string[] => list.map((d) => d.device).sort();
    await using g = await GuestFS.open(disks.drives(release), readonly);
    expect(g.session.warnings).toEqual([]);
    expect(await g.ldmtoolScan()).toEqual([guid]);
    expect(await g.ldmtoolScanDevices(['/dev/sdb'])).toEqual([guid]);
    expect(await g.ldmtoolScanDevices(['/dev/sdb1'])).toEqual([]);
    expect(await g.ldmtoolDiskgroupName(guid)).toBe(name);
    expect(await g.ldmtoolDiskgroupDisks(guid.toUpperCase())).toContain('Disk1');
    expect(await g.listLdmVolumes()).toEqual(names(volumes));
    expect(await g.listLdmPartitions()).toEqual(names(shown.filter((d) => d.type === '')));
    expect([...(await g.listDmDevices())].sort()).toEqual(names(shown));
    for (const { device, size, sha256 } of shown) {
      expect(await g.blockdevGetsize64(device)).toBe(size);
      expect(await hashOf(g, device), device).toBe(sha256);
    }
    for (const { device, type, hint, partitions } of volumes) {
      const volume = device.slice(device.lastIndexOf('_') + 1);
      expect(await g.ldmtoolDiskgroupVolumes(guid)).toContain(volume);
      expect(await g.ldmtoolVolumeType(guid, volume)).toBe(type);
      expect(await g.ldmtoolVolumeHint(guid, volume)).toBe(hint);
      expect(await g.ldmtoolVolumePartitions(guid, volume)).toEqual(partitions);
    }
    // The partitions that hold the volumes, and the pieces of volumes, are no file systems of their own.
    expect(Object.keys(await g.listFilesystems()).sort()).toEqual(names(volumes));
  });

  it('without a disk, redundancy makes up for it, and any other volume names it', async () => {
    for (const lost of ['raid5-1', 'raid5-2', 'raid5-3', 'mirrored-1', 'mirrored-2', 'spanned-1', 'striped-2']) {
      const kept = disks.drives('2003r2', (name) => !name.includes(lost) && name.includes(lost.slice(0, -2)));
      await using g = await GuestFS.open(kept, readonly);
      const { device, sha256 } = shownDevices('2003r2').find(
        (d) => d.type === lost.slice(0, -2) && !d.device.endsWith('Volume4'),
      )!;
      if (lost.startsWith('raid5') || lost.startsWith('mirrored')) {
        expect(await hashOf(g, device), lost).toBe(sha256);
        continue;
      }
      const name = device.slice(device.lastIndexOf('_') + 1);
      const message = new RegExp(`LDM volume ${name}: disk Disk\\d \\([0-9a-f-]{36}\\) of it is missing`);
      await expect(g.mountRo(device, '/')).rejects.toThrow(message);
    }
  });

  it('the order in which the disks are given does not matter', async () => {
    await using g = await GuestFS.open(disks.drives('2008r2').reverse(), readonly);
    for (const { device, sha256 } of shownDevices('2008r2')) expect(await hashOf(g, device), device).toBe(sha256);
  });

  it.each([
    ['ldm-2003r2-spanned-1.img', [6 * 512], 1],
    ['ldm-2003r2-spanned-1.img', [6 * 512, 52_428_288], 1],
    ['ldm-2008r2-spanned-2.img', undefined, 1],
  ] as const)('%s: a copy of a private header that is damaged at %j is used', async (name, places, warnings) => {
    const release = name.slice(4, 10) as Release;
    for (const at of places ?? [readFileSync(join(disks.folder, name)).lastIndexOf('PRIVHEAD')]) zero(name, at, 512);
    await using g = await GuestFS.open(
      disks.drives(release, (n) => n.includes('spanned')),
      readonly,
    );
    const copies = g.session.warnings.filter((w) =>
      w.message.endsWith('its private header is damaged: a copy of it is used'),
    );
    expect(copies).toHaveLength(warnings);
    const { device, sha256 } = shownDevices(release).find(
      (d) => d.type === 'spanned' && !/Volume[45]$/.test(d.device),
    )!;
    expect(await hashOf(g, device)).toBe(sha256);
  });

  it('volumes are taken down and brought up again, unless they are in use', async () => {
    await using g = await GuestFS.open(disks.drives('2003r2'), readonly);
    const volumes = await g.listLdmVolumes();
    await g.mountRo(volumes[0]!, '/');
    await expect(g.ldmtoolRemoveAll()).rejects.toMatchObject({ code: 'EBUSY' });
    await g.umountAll();
    await g.ldmtoolRemoveAll();
    expect(await g.listLdmVolumes()).toEqual([]);
    expect(await g.listLdmPartitions()).toEqual([]);
    expect(await g.ldmtoolScan()).toEqual([GROUPS['2003r2'].guid]);
    await g.ldmtoolCreateAll();
    expect(await g.listLdmVolumes()).toEqual(volumes);
  });

  it('what does not exist is said to be missing; pieces are not written', async () => {
    const { guid } = GROUPS['2003r2'];
    await using g = await GuestFS.open(disks.drives('2003r2'), IN_PROCESS);
    await expect(g.ldmtoolDiskgroupName(GROUPS['2008r2'].guid)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(g.ldmtoolVolumeType(guid, 'Volume9')).rejects.toMatchObject({ code: 'ENOENT' });
    const [piece = ''] = await g.listLdmPartitions();
    await expect(g.pwriteDevice(piece, Buffer.from('x'), 0)).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
  });
});

describe.runIf(requireTools(`data:${API}`))('the ldm theme', () => {
  it('has every function with its arguments and groups', () => {
    const { functions } = JSON.parse(readFileSync(API, 'utf8')) as {
      functions: {
        readonly name: string;
        readonly theme: string;
        readonly args: readonly string[];
        readonly group?: string;
      }[];
    };
    const expected = functions
      .filter((f) => f.theme === 'ldm')
      .map(({ name, args, group }) => `${name}(${args.map((a) => a.split(':')[0]).join()}) ${group}`);
    const found = ldmActions.map(({ name, args, group }) => `${name}(${args.map((a) => a.name).join()}) ${group}`);
    expect([...found].sort()).toEqual([...expected].sort());
  });
});

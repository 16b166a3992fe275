// What this project writes, read by a real kernel: one virtual machine for all of it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { type BitlockerDisk, bitlockerDisk } from './bitlocker.js';
import { type Sums, VmDisks } from './disks.js';
import { hasVm, inVm, ntfs3Module, sections } from './vm.js';

const TYPES = ['vfat', 'exfat', 'ntfs', 'ext4'] as const;
const LIMIT = 900;
/** Disks in the order of the script. */
const FIRST = ['parts.raw', 'lvm.raw', 'luks.raw', 'thin-1.raw', 'thin-2.raw', 'bitlocker.raw'];
const LINEAR = [1, 2, 3].map((n) => `linear-${n}.raw`);
const RAID = [1, 2, 3, 4, 5, 6].map((n) => `raid-${n}.raw`);
const SECOND = 1000;

/** `sha256sum` of files below a folder, as paths and sums. */
function sumsIn(text: string): Record<string, string> {
  const lines = [...text.matchAll(/^([0-9a-f]{64}) [ *]\.(\/.*)$/gm)];
  return Object.fromEntries(lines.map(([, sum, path]) => [path!, sum!]));
}

/** A group and its volumes, as the script takes them. */
const withGroup = (volumes: ReadonlyMap<string, string>): string => {
  const names = [...volumes.keys()];
  return [names[0]!.split('/')[2], ...names].join(' ');
};

const sorted = (sums: Sums): Sums => Object.fromEntries(Object.entries(sums).sort());

describe.runIf(hasVm('vgchange', 'cryptsetup', 'qemu-nbd', 'ntfs-3g'))('under a kernel', () => {
  const disks = new VmDisks();
  let found: ReadonlyMap<string, string>;
  let made: {
    filesystems: Awaited<ReturnType<VmDisks['filesystems']>>;
    lvm: Awaited<ReturnType<VmDisks['lvm']>>;
    luks: Awaited<ReturnType<VmDisks['luks']>>;
    thin: Awaited<ReturnType<VmDisks['thin']>>;
    bitlocker: BitlockerDisk;
    linear: ReadonlyMap<string, string>;
    raid: ReadonlyMap<string, string>;
  };

  beforeAll(
    async () => {
      made = {
        filesystems: await disks.filesystems('parts.raw'),
        lvm: await disks.lvm('lvm.raw'),
        luks: await disks.luks('luks.raw'),
        thin: await disks.thin(['thin-1.raw', 'thin-2.raw']),
        bitlocker: await bitlockerDisk(disks, 'bitlocker.raw', 'key.BEK'),
        linear: await disks.volumes('linear', LINEAR),
        raid: await disks.volumes('raid', RAID),
      };
      const volumes = [...made.thin.keys()];
      const script = readFileSync(join(import.meta.dirname, 'suite.sh'), 'utf8');
      const result = await inVm(script, {
        disks: [...FIRST, ...LINEAR, ...RAID].map((name) => disks.at(name)),
        modules: [
          'vfat',
          'exfat',
          'ext4',
          'fuse',
          'nls_cp437',
          'nls_ascii',
          'nls_utf8',
          'dm-crypt',
          'dm-thin-pool',
          'ecb',
          'cbc',
          'xts',
        ],
        seconds: LIMIT,
        memory: 1536,
        env: {
          NTFS3: ntfs3Module() ?? '',
          THIN_VOLUMES: volumes.join(' '),
          THIN_GROUP: volumes[0]!.split('/')[2]!,
          BITLK_SIZE: String(made.bitlocker.size),
          BITLK_COUNT: String(made.bitlocker.sums.length),
          BITLK_KEY: disks.at('key.BEK'),
          LINEAR_VOLUMES: withGroup(made.linear),
          RAID_VOLUMES: withGroup(made.raid),
        },
      });
      found = sections(result.stdout);
      expect({ status: result.status, ended: found.has('end'), stderr: result.stderr }).toEqual({
        status: 0,
        ended: true,
        stderr: '',
      });
    },
    (LIMIT + 120) * SECOND,
  );
  afterAll(() => disks[Symbol.dispose]());

  const section = (name: string): string => {
    const text = found.get(name) ?? '';
    expect(text).not.toContain('failed');
    return text;
  };

  for (const type of TYPES) {
    it(`mounts ${type} that was written here`, () => {
      const [before = ''] = section(`mount ${type}`).split(/^after$/m);
      expect(sorted(sumsIn(before))).toEqual(sorted(made.filesystems.get(type)!));
    });

    it(`${type}: what the kernel changed is read here`, async () => {
      await using g = await GuestFS.open(disks.at('parts.raw'), { readonly: true });
      await g.mountRo(`/dev/sda${TYPES.indexOf(type) + 1}`, '/');
      expect((await g.readFile('/folder/kernel/written')).every((byte) => byte === 0x6b)).toBe(true);
      expect(await g.filesize('/folder/kernel/written')).toBe(1_000_000);
      expect(await g.exists('/folder/small.txt')).toBe(false);
      expect(await g.checksum('sha256', '/renamed')).toBe(made.filesystems.get(type)!['/folder/file-1']);
    });
  }

  it('ntfs: links are links, and all that the kernel left is read here, sound', async () => {
    const [before = '', after = ''] = section('mount ntfs').split(/^after$/m);
    expect(before).toContain(ntfs3Module() === undefined ? 'driver ntfs-3g\n' : 'driver ntfs3\n');
    expect(before).toContain('link ./soft link folder/in\n');
    expect(before).toContain('names 2 folder/in/a/folder/large.bin\n');
    const expected = sumsIn(after);
    expect(Object.keys(expected).length).toBeGreaterThan(1200);
    await using g = await GuestFS.open(disks.at('parts.raw'), { readonly: true });
    expect(await g.fsck('ntfs', '/dev/sda3')).toBe(0);
    await g.mountRo('/dev/sda3', '/');
    const found: Record<string, string> = {};
    for (const path of await g.find('/')) {
      if (await g.isFile(`/${path}`)) found[`/${path}`] = await g.checksum('sha256', `/${path}`);
    }
    expect(sorted(found)).toEqual(sorted(expected));
  });

  it('connects an image through nbd and finds its partitions', () => {
    const sums = sumsIn(section('nbd'));
    expect(sums['/folder/in/a/folder/large.bin']).toBe(made.filesystems.get('ext4')!['/folder/in/a/folder/large.bin']);
  });

  it('activates the volume group, and reads the same volume', () => {
    const text = section('lvm');
    expect(text).toContain(made.lvm.sum);
    expect(sorted(sumsIn(text))).toEqual(sorted(made.lvm.files));
  });

  it('opens the LUKS container, and reads the same volume', () => {
    const text = section('luks');
    expect(text).toContain(made.luks.sum);
    expect(sorted(sumsIn(text))).toEqual(sorted(made.luks.files));
  });

  it('activates thin volumes with chunks that were provisioned here', () => {
    const lines = section('thin')
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]);
    expect(new Map(lines)).toEqual(made.thin);
  });

  it('decrypts BitLocker volumes of every method as they are here', () => {
    expect(section('bitlk').trim().split('\n')).toEqual(made.bitlocker.sums);
  });

  it.each(['linear', 'raid'] as const)(
    '%s volumes hold what was written here, and all copies and parity agree',
    (name) => {
      const lines = section(name).trim().split('\n');
      expect(lines.map((line) => line.split(' ').slice(0, 2))).toEqual(
        [...made[name]].map(([volume, sum]) => [volume, sum]),
      );
      const mismatches = lines.map((line) => line.split(' ')[2]);
      expect(mismatches.filter((count) => count !== '0' && count !== '-')).toEqual([]);
      if (name === 'raid') expect(mismatches.filter((count) => count === '0').length).toBeGreaterThan(15);
    },
  );

  it('vgck and pvck are content with every group and physical volume', () => {
    expect(section('pvck').trim().split('\n').length).toBeGreaterThanOrEqual(11);
  });
});

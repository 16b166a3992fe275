import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { Disks, expectedHash } from './members.js';

const MIB = 1 << 20;
const disks = new Disks();
afterAll(() => disks[Symbol.dispose]());

describe('arrays in a session', () => {
  it('LVM on LUKS on RAID 5 on partitions opens by discovery, in any order of disks, with one left out', async () => {
    const [a, b, c] = disks.fixture('stack') as [string, string, string];
    const orders = [[a, b, c], [c, a, b], [b, c].reverse(), [a, c]];
    for (const order of orders) {
      await disks.with(
        order,
        async (g) => {
          expect(await g.listMdDevices()).toEqual(['/dev/md127']);
          expect(await g.checksumDevice('sha256', '/dev/stacked/root')).toBe(expectedHash('stack'));
          await g.mountRo('/dev/stacked/root', '/');
          expect(await g.cat('/hello')).toBe('LVM on LUKS on RAID\n');
          expect(await g.listFilesystems()).toMatchObject({ '/dev/stacked/root': 'ext4' });
        },
        { readonly: true, keys: ['correct-horse'] },
      );
    }
  });

  it('partitions of an array of whole disks belong to the array', async () => {
    await disks.with(disks.fixture('partitions'), async (g) => {
      expect(await g.listPartitions()).toEqual(['/dev/md127p1', '/dev/md127p2']);
      await g.mkfs('ext2', '/dev/md127p2');
      await g.mount('/dev/md/partitions2', '/');
      await g.write('/file', 'on both');
    });
    for (const one of [0, 1]) {
      const again = disks.fixture('partitions', 'fresh').length;
      expect(again).toBe(2);
      const path = join(disks.folder, `partitions-${one + 1}.img`);
      await disks.with(
        [path],
        async (g) => {
          await g.mountRo('/dev/md127p2', '/');
          expect(await g.cat('/file')).toBe('on both');
        },
        { readonly: true },
      );
    }
  });

  it('md_detail and md_stat say what mdadm says', async () => {
    await disks.with(
      disks.fixture('raid5-spare'),
      async (g) => {
        expect(await g.mdDetail('/dev/md127')).toMatchObject({
          level: 'raid5',
          devices: '3',
          metadata: '1.2',
          devname: 'fixtures:raid5-spare',
          name: 'fixtures:raid5-spare',
          device_dev_sda_role: '0',
          device_dev_sdd_role: 'spare',
          device_dev_sdd_dev: '/dev/sdd',
        });
        expect(await g.mdStat('/dev/md/raid5-spare')).toEqual([
          { mdstat_device: '/dev/sda', mdstat_index: 0, mdstat_flags: '' },
          { mdstat_device: '/dev/sdb', mdstat_index: 1, mdstat_flags: '' },
          { mdstat_device: '/dev/sdc', mdstat_index: 2, mdstat_flags: '' },
          { mdstat_device: '/dev/sdd', mdstat_index: 3, mdstat_flags: 'S' },
        ]);
        await expect(g.mdDetail('/dev/sda')).rejects.toMatchObject({ code: 'EINVAL' });
      },
      { readonly: true },
    );
  });

  it('md_stop takes an array down that nothing uses', async () => {
    await disks.with(disks.fixture('raid1-12'), async (g) => {
      await g.mkfs('ext2', '/dev/md127');
      await g.mount('/dev/md127', '/');
      await expect(g.mdStop('/dev/md127')).rejects.toMatchObject({ code: 'EBUSY' });
      await g.umountAll();
      await g.mdStop('/dev/md127');
      expect(await g.listMdDevices()).toEqual([]);
    });
  });

  it('md_create refuses what cannot be', async () => {
    const given = [disks.empty('x1', 4 * MIB), disks.empty('x2', 4 * MIB), disks.empty('x3', MIB)];
    await disks.with(given, async (g) => {
      const wrong: readonly [string, string[], object, RegExp][] = [
        ['a', ['/dev/sda', '/dev/sda'], {}, /given twice/],
        ['a', ['/dev/sda'], { level: 'raid5' }, /needs 2 devices, not 1/],
        ['a', ['/dev/sda', '/dev/sdb'], { level: 'raid6' }, /needs 4 devices/],
        ['a', ['/dev/sda', '/dev/sdb'], { level: 'raid9' }, /no level 'raid9'/],
        ['a', ['/dev/sda', '/dev/sdb'], { level: 'raid5', chunk: 5000 }, /multiple of 4096/],
        ['a', ['/dev/sda', '/dev/sdb'], { level: 'raid0', missingbitmap: 2 }, /1 devices are missing/],
        ['a', ['/dev/sda', '/dev/sdb'], { nrdevices: 3 }, /3 devices and 0 spares are wanted, 2 given/],
        ['a/b', ['/dev/sda', '/dev/sdb'], {}, /name/],
        ['a', ['/dev/sda', '/dev/sdc'], {}, /at least \d+ bytes/],
      ];
      for (const [name, devices, options, reason] of wrong) {
        await expect(g.mdCreate(name, devices, options), String(reason)).rejects.toThrow(reason);
      }
      expect(await g.listMdDevices()).toEqual([]);
    });
  });

  it.runIf(requireTools('mdadm'))('md_create makes what mdadm knows as an array', async () => {
    const given = [1, 2, 3, 4].map((i) => disks.empty(`new${i}`, 8 * MIB));
    await disks.with(given, async (g) => {
      await g.mdCreate('data', ['/dev/sda', '/dev/sdb', '/dev/sdc', '/dev/sdd'], {
        level: 'raid5',
        spare: 1,
        chunk: 65_536,
      });
      expect(await g.listMdDevices()).toEqual(['/dev/md127']);
      await g.mkfs('ext4', '/dev/md/data');
      await g.mount('/dev/md/data', '/');
      await g.write('/file', 'on an array');
    });
    const said = execFileSync('mdadm', ['--examine', given[2]!], { encoding: 'utf8' });
    expect(said).toMatch(
      /Raid Level : raid5[\s\S]*Checksum : \w+ - correct[\s\S]*Device Role : Active device 2[\s\S]*AAA/,
    );
    expect(execFileSync('mdadm', ['--examine', given[3]!], { encoding: 'utf8' })).toContain('Device Role : spare');
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { DeviceTests, MIB, tool } from './device-session.js';

const t = new DeviceTests('block-device');

/** What blkid(8) says of a file, without what it says of the file itself. */
function blkidOf(path: string): Record<string, string> {
  const lines = tool('blkid', '-p', '-o', 'export', path).trim().split('\n');
  const facts = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  // Not given here.
  for (const key of ['DEVNAME', 'LABEL_FATBOOT', 'FSSIZE', 'FSBLOCKSIZE', 'FSLASTBLOCK']) delete facts[key];
  return facts;
}

describe.runIf(requireTools('sgdisk', 'blkid', 'wipefs', 'mke2fs', 'mkfs.vfat', 'mkswap'))(
  'block-device functions',
  () => {
    it('list devices and name them', async () => {
      const a = t.disk('a.raw', 8 * MIB);
      const b = t.disk('b.raw', 8 * MIB);
      tool('sgdisk', '-n1:2048:4095', a);
      const g = new GuestFS();
      await g.addDrive(a, { format: 'raw', label: 'first' });
      await g.addDrive(b, { format: 'raw' });
      await g.addDriveScratch(4 * MIB, { blocksize: 4096 });
      await g.close();
      await t.with([a, b], async (s) => {
        expect(await s.listDevices()).toEqual(['/dev/sda', '/dev/sdb']);
        expect(await s.nrDevices()).toBe(2);
        expect(await s.maxDisks()).toBe(255);
        expect(await s.deviceIndex('/dev/sdb')).toBe(1);
        await expect(s.deviceIndex('/dev/sda1')).rejects.toMatchObject({ code: 'ENOENT' });
        expect(await s.deviceName(0)).toBe('/dev/sda');
        await expect(s.deviceName(2)).rejects.toThrow('there is no disk 2');
        await expect(s.deviceName(-1)).rejects.toThrow('there is no disk -1');
        expect([await s.isWholeDevice('/dev/sda'), await s.isWholeDevice('/dev/sda1')]).toEqual([true, false]);
        expect(await s.listDmDevices()).toEqual([]);
        expect(await s.listDiskLabels()).toEqual({});
        const names = ['/dev/vda1', '/dev/hdz', '/dev/sdc', '/dev/mapper/foo', '/dev/nothing', 'foo'];
        const canonical = await Promise.all(names.map((name) => s.canonicalDeviceName(name)));
        expect(canonical).toEqual(['/dev/sda1', '/dev/sdz', '/dev/sdc', '/dev/mapper/foo', '/dev/nothing', 'foo']);
      });
    });

    it('know drives by the labels they were added with', async () => {
      const a = t.disk('labelled.raw', 8 * MIB);
      tool('sgdisk', '-n1:2048:4095', a);
      await using g = new GuestFS();
      await g.addDrive(a, { format: 'raw', label: 'first' });
      await g.launch();
      expect(await g.listDiskLabels()).toEqual({ first: '/dev/sda', first1: '/dev/sda1' });
      expect(await g.blockdevGetsize64('/dev/disk/guestfs/first1')).toBe(MIB);
    });

    it('tell sizes, and make devices read-only and writable', async () => {
      const disk = t.disk('sizes.raw', 8 * MIB + 512);
      await t.with([disk], async (g) => {
        expect(await g.blockdevGetsize64('/dev/sda')).toBe(8 * MIB + 512);
        expect(await g.blockdevGetsz('/dev/sda')).toBe(16385);
        expect(await g.blockdevGetss('/dev/sda')).toBe(512);
        expect(await g.blockdevGetbsz('/dev/sda')).toBe(512);
        await g.blockdevSetbsz('/dev/sda', 2048);
        await g.blockdevSetra('/dev/sda', 1024);
        expect(await g.blockdevGetbsz('/dev/sda')).toBe(512);
        expect(await g.blockdevGetro('/dev/sda')).toBe(false);
        await g.blockdevSetro('/dev/sda');
        expect(await g.blockdevGetro('/dev/sda')).toBe(true);
        await expect(g.pwriteDevice('/dev/sda', 'x', 0)).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
        await expect(g.partInit('/dev/sda', 'gpt')).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
        await expect(g.mkfs('vfat', '/dev/sda')).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
        await g.blockdevSetrw('/dev/sda');
        expect(await g.pwriteDevice('/dev/sda', 'x', 0)).toBe(1);
        await g.blockdevFlushbufs('/dev/sda');
      });
      expect(readFileSync(disk)[0]).toBe(0x78);
      await t.with(
        [disk],
        async (g) => {
          expect(await g.blockdevGetro('/dev/sda')).toBe(true);
          await expect(g.blockdevSetrw('/dev/sda')).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
        },
        { readonly: true },
      );
      await using big = new GuestFS();
      await big.addDriveScratch(4 * MIB, { blocksize: 4096 });
      await big.launch();
      expect([await big.blockdevGetss('/dev/sda'), await big.blockdevGetsz('/dev/sda')]).toEqual([4096, 8192]);
      expect(await big.blockdevGetbsz('/dev/sda')).toBe(4096);
    });

    it('read and write bytes, as much as there is', async () => {
      const disk = t.disk('bytes.raw', 4 * MIB);
      await t.with([disk], async (g) => {
        const end = 4 * MIB;
        expect(await g.preadDevice('/dev/sda', 10, 99 * MIB)).toEqual(new Uint8Array(0));
        expect(await g.preadDevice('/dev/sda', 0, 0)).toEqual(new Uint8Array(0));
        expect(await g.pwriteDevice('/dev/sda', 'abcdef', end - 2)).toBe(2);
        expect(await g.pwriteDevice('/dev/sda', 'abcdef', end)).toBe(0);
        expect(new TextDecoder().decode(await g.preadDevice('/dev/sda', 10, end - 2))).toBe('ab');
        await expect(g.preadDevice('/dev/sda', -1, 0)).rejects.toMatchObject({ code: 'EINVAL' });
        await expect(g.preadDevice('/dev/sda', 1, -1)).rejects.toMatchObject({ code: 'EINVAL' });
        await expect(g.pwriteDevice('/dev/sda', 'x', -1)).rejects.toMatchObject({ code: 'EINVAL' });
        await expect(g.preadDevice('/dev/sdq', 1, 0)).rejects.toMatchObject({ code: 'ENOENT' });
      });
      expect(readFileSync(disk).subarray(-2).toString()).toBe('ab');
    });

    it('find a partition table that was written as bytes', async () => {
      const disk = t.disk('raw-table.raw', 8 * MIB);
      const model = t.disk('model.raw', 8 * MIB);
      tool('sgdisk', '-n1:2048:4095', model);
      const bytes = readFileSync(model);
      await t.with([disk], async (g) => {
        expect(await g.listPartitions()).toEqual([]);
        await g.pwriteDevice('/dev/sda', bytes, 0);
        expect(await g.listPartitions()).toEqual(['/dev/sda1']);
      });
      expect(readFileSync(disk).equals(bytes)).toBe(true);
    });

    it('copy between devices and files', async () => {
      const from = t.disk('from.raw', 2 * MIB);
      const to = t.disk('to.raw', 3 * MIB);
      const fs = t.disk('fs.raw', 64 * MIB);
      const pattern = Buffer.alloc(2 * MIB, 'pattern of eleven');
      writeFileSync(from, pattern);
      tool('mkfs.vfat', fs);
      await t.with([from, to, fs], async (g) => {
        await g.mount('/dev/sdc', '/');
        await g.copyDeviceToDevice('/dev/sda', '/dev/sdb', { srcoffset: 100, destoffset: MIB, size: 5000 });
        expect(Buffer.from(await g.preadDevice('/dev/sdb', 5001, MIB))).toEqual(
          Buffer.concat([pattern.subarray(100, 5100), Buffer.alloc(1)]),
        );
        await g.copyDeviceToFile('/dev/sda', '/f', { size: 5000 });
        await g.copyDeviceToFile('/dev/sda', '/f', { size: 100, append: true });
        expect(await g.filesize('/f')).toBe(5100);
        expect(Buffer.from(await g.readFile('/f'))).toEqual(
          Buffer.concat([pattern.subarray(0, 5000), pattern.subarray(0, 100)]),
        );
        await g.copyFileToDevice('/f', '/dev/sdb', { destoffset: 33 });
        expect(Buffer.from(await g.preadDevice('/dev/sdb', 5000, 33))).toEqual(pattern.subarray(0, 5000));
        await expect(g.copyFileToDevice('/f', '/dev/sdb', { append: true })).rejects.toThrow('append');
        await expect(g.copyFileToDevice('/f', '/dev/sdb', { destoffset: 99 * MIB })).rejects.toMatchObject({
          code: 'ENOSPC',
        });
        await expect(g.copyDeviceToFile('/dev/sda', '/g', { size: -5 })).rejects.toMatchObject({ code: 'EINVAL' });
        await expect(g.copyDeviceToDevice('/dev/sdb', '/dev/sda')).rejects.toMatchObject({ code: 'ENOSPC' });
        expect(Buffer.from(await g.preadDevice('/dev/sda', 2 * MIB, 0)).equals(pattern)).toBe(true);
        await expect(g.copyDeviceToDevice('/dev/sda', '/dev/sdc')).rejects.toMatchObject({ code: 'EBUSY' });
        await g.copySize('/f', '/h', 10);
        expect(await g.filesize('/h')).toBe(10);
        await expect(g.copySize('/f', '/i', 100_000)).rejects.toThrow('input is too short');
        await g.dd('/dev/sda', '/copy');
        expect(await g.filesize('/copy')).toBe(2 * MIB);
        await g.dd('/f', '/dev/sdb');
        expect(Buffer.from(await g.preadDevice('/dev/sdb', 5000, 0))).toEqual(pattern.subarray(0, 5000));
      });
    });

    it('tell what blkid tells', async () => {
      const make: Record<string, (path: string) => void> = {
        'ext4.raw': (p) => void tool('mke2fs', '-q', '-t', 'ext4', '-L', 'mylabel', p),
        'ext3.raw': (p) => void tool('mke2fs', '-q', '-t', 'ext3', p),
        'fat.raw': (p) => void tool('mkfs.vfat', '-n', 'FATTY', p),
        'swap.raw': (p) => void tool('mkswap', '-L', 'sw', p),
        'gpt.raw': (p) => void tool('sgdisk', '-n1:2048:4095', p),
      };
      for (const [name, command] of Object.entries(make)) {
        const disk = t.disk(name, 16 * MIB);
        command(disk);
        await t.with([disk], async (g) => {
          const { DEVNAME, MINIMUM_IO_SIZE, PHYSICAL_SECTOR_SIZE, LOGICAL_SECTOR_SIZE, ...facts } =
            await g.blkid('/dev/sda');
          expect([DEVNAME, MINIMUM_IO_SIZE, PHYSICAL_SECTOR_SIZE, LOGICAL_SECTOR_SIZE]).toEqual([
            '/dev/sda',
            '512',
            '512',
            '512',
          ]);
          expect(facts, name).toEqual(blkidOf(disk));
        });
      }
      const disk = t.disk('entries.raw', 16 * MIB);
      tool('sgdisk', '-n1:2048:4095', '-c1:hello world', '-u1:01234567-89AB-CDEF-0123-456789ABCDEF', '-A1:set:2', disk);
      await t.with([disk], async (g) => {
        expect(await g.blkid('/dev/sda1')).toEqual({
          DEVNAME: '/dev/sda1',
          MINIMUM_IO_SIZE: '512',
          PHYSICAL_SECTOR_SIZE: '512',
          LOGICAL_SECTOR_SIZE: '512',
          PART_ENTRY_SCHEME: 'gpt',
          PART_ENTRY_NAME: 'hello world',
          PART_ENTRY_UUID: '01234567-89ab-cdef-0123-456789abcdef',
          PART_ENTRY_TYPE: '0fc63daf-8483-4772-8e79-3d69d8477de4',
          PART_ENTRY_FLAGS: '0x4',
          PART_ENTRY_NUMBER: '1',
          PART_ENTRY_OFFSET: '2048',
          PART_ENTRY_SIZE: '2048',
          PART_ENTRY_DISK: '8:0',
        });
      });
    });

    it('erase what makes contents recognisable, and nothing else', async () => {
      const make: Record<string, (path: string) => void> = {
        'w-ext4.raw': (p) => void tool('mke2fs', '-q', '-t', 'ext4', p),
        'w-fat.raw': (p) => void tool('mkfs.vfat', p),
        'w-swap.raw': (p) => void tool('mkswap', p),
        'w-gpt.raw': (p) => void tool('sgdisk', '-n1:2048:4095', p),
        'w-mbr.raw': (p) => void tool('sh', '-c', `echo , | sfdisk -q '${p}'`),
      };
      for (const [name, command] of Object.entries(make)) {
        const disk = t.disk(name, 16 * MIB);
        command(disk);
        const oracle = `${disk}.oracle`;
        tool('cp', disk, oracle);
        await t.with([disk], async (g) => {
          await g.wipefs('/dev/sda');
          expect(await g.vfsType('/dev/sda')).toBe('');
          expect(await g.listPartitions()).toEqual([]);
        });
        expect(tool('wipefs', disk), name).toBe('');
        tool('wipefs', '-afq', oracle);
        expect(readFileSync(disk).equals(readFileSync(oracle)), name).toBe(true);
      }
    });

    t.expectAllCalled();
  },
);

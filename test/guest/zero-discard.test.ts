import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { DeviceTests, MIB, tool } from './device-session.js';

const t = new DeviceTests('zero-discard');
const allocated = (path: string): number => statSync(path).blocks * 512;

/** Bytes of a qcow2 image that its clusters hold. */
function stored(path: string): number {
  const map = JSON.parse(tool('qemu-img', 'map', '--output=json', path)) as { length: number; data: boolean }[];
  return map.reduce((sum, { length, data }) => sum + (data ? length : 0), 0);
}

function countOf(bytes: Uint8Array, value: number): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === value) count += 1;
  return count;
}

describe.runIf(requireTools('mke2fs', 'mkfs.vfat', 'e2fsck', 'fsck.fat', 'sgdisk', 'qemu-img'))(
  'zero and discard functions',
  () => {
    it('clear the start of a device, or all of it', async () => {
      const disk = t.disk('clear.raw', 4 * MIB);
      writeFileSync(disk, Buffer.alloc(4 * MIB, 0xaa));
      await t.with([disk], async (g) => {
        expect(await g.isZeroDevice('/dev/sda')).toBe(false);
        await g.zero('/dev/sda');
        expect((await g.preadDevice('/dev/sda', 128 * 1024, 0)).every((b) => b === 0)).toBe(true);
      });
      expect(countOf(readFileSync(disk), 0xaa)).toBe(4 * MIB - 128 * 1024);
      await t.with([disk], async (g) => {
        await g.zeroDevice('/dev/sda');
        expect(await g.isZeroDevice('/dev/sda')).toBe(true);
      });
      expect(countOf(readFileSync(disk), 0)).toBe(4 * MIB);
    });

    it('forget partitions that were cleared', async () => {
      const disk = t.disk('table.raw', 8 * MIB);
      tool('sgdisk', '-n1:2048:4095', disk);
      await t.with([disk], async (g) => {
        expect(await g.listPartitions()).toEqual(['/dev/sda1']);
        await g.zero('/dev/sda');
        expect(await g.listPartitions()).toEqual([]);
        expect(await g.isZeroDevice('/dev/sda')).toBe(false);
      });
    });

    it('give the space of a device back', async () => {
      const disk = t.disk('discard.raw', 8 * MIB);
      writeFileSync(disk, Buffer.alloc(8 * MIB, 0xaa));
      await t.with([disk], async (g) => {
        expect(await g.blkdiscardzeroes('/dev/sda')).toBe(true);
        await g.blkdiscard('/dev/sda');
        expect(await g.isZeroDevice('/dev/sda')).toBe(true);
      });
      expect(countOf(readFileSync(disk), 0)).toBe(8 * MIB);
      expect(allocated(disk)).toBeLessThan(MIB);
    });

    it.each([
      ['ext4', (p: string) => tool('mke2fs', '-q', '-t', 'ext4', p), (p: string) => tool('e2fsck', '-fn', p)],
      ['vfat', (p: string) => tool('mkfs.vfat', p), (p: string) => tool('fsck.fat', '-n', p)],
    ] as const)('trim and clear the free space of %s', async (type, make, check) => {
      for (const action of ['fstrim', 'zeroFreeSpace'] as const) {
        const raw = t.disk(`${type}-${action}.raw`, 64 * MIB);
        make(raw);
        const disk = raw.replace('.raw', '.qcow2');
        tool('qemu-img', 'convert', '-O', 'qcow2', raw, disk);
        await t.with([disk], async (g) => {
          await g.mount('/dev/sda', '/');
          await g.write('/kept', Buffer.alloc(MIB, 'kept'));
          await g.write('/gone', Buffer.alloc(4 * MIB, 'NEEDLE-IN-FREE-SPACE'));
        });
        const before = stored(disk);
        await t.with([disk], async (g) => {
          await g.mount('/dev/sda', '/');
          await g.rm('/gone');
          await g[action]('/');
        });
        expect(stored(disk)).toBeLessThan(before - 3 * MIB);
        tool('qemu-img', 'check', '-q', disk);
        tool('qemu-img', 'convert', '-O', 'raw', disk, raw);
        expect(readFileSync(raw).includes('NEEDLE-IN-FREE-SPACE')).toBe(false);
        check(raw);
        await t.with([disk], async (g) => {
          await g.mountRo('/dev/sda', '/');
          expect(Buffer.from(await g.readFile('/kept')).equals(Buffer.alloc(MIB, 'kept'))).toBe(true);
          await expect(g.fstrim('/')).rejects.toMatchObject({ code: 'EROFS' });
          await expect(g.zeroFreeSpace('/')).rejects.toMatchObject({ code: 'EROFS' });
        });
      }
    });

    it('trim a window only, and long runs only', async () => {
      const disk = t.disk('window.raw', 32 * MIB);
      tool('mke2fs', '-q', '-t', 'ext2', '-b', '4096', disk);
      await t.with([disk], async (g) => {
        await g.mount('/dev/sda', '/');
        await g.write('/gone', Buffer.alloc(20 * MIB, 0x55));
      });
      const filled = countOf(readFileSync(disk), 0x55);
      await t.with([disk], async (g) => {
        await g.mount('/dev/sda', '/');
        await g.rm('/gone');
        await g.fstrim('/', { minimumfreeextent: 64 * MIB });
        await expect(g.fstrim('/', { offset: -1 })).rejects.toMatchObject({ code: 'EINVAL' });
      });
      const left = (): number => countOf(readFileSync(disk), 0x55);
      expect(left()).toBe(filled);
      await t.with([disk], async (g) => {
        await g.mount('/dev/sda', '/');
        await g.fstrim('/', { offset: 8 * MIB, length: 4 * MIB });
      });
      expect(left()).toBeGreaterThan(filled - 5 * MIB);
      expect(left()).toBeLessThan(filled - 3 * MIB);
      expect(
        readFileSync(disk)
          .subarray(8 * MIB, 12 * MIB)
          .every((b) => b === 0),
      ).toBe(true);
    });

    it('tell whether files are all zeros', async () => {
      const disk = t.disk('files.raw', 16 * MIB);
      tool('mke2fs', '-q', '-t', 'ext4', disk);
      await t.with([disk], async (g) => {
        await g.mount('/dev/sda', '/');
        await g.touch('/empty');
        await g.truncateSize('/empty', 3 * MIB);
        expect(await g.isZero('/empty')).toBe(true);
        await g.pwrite('/empty', 'x', 2 * MIB);
        expect(await g.isZero('/empty')).toBe(false);
        await expect(g.isZero('/')).rejects.toMatchObject({ code: 'EISDIR' });
        await expect(g.isZero('/none')).rejects.toMatchObject({ code: 'ENOENT' });
        for (const busy of [g.zero('/dev/sda'), g.zeroDevice('/dev/sda'), g.blkdiscard('/dev/sda')]) {
          await expect(busy).rejects.toMatchObject({ code: 'EBUSY' });
        }
      });
      tool('e2fsck', '-fn', disk);
    });

    t.expectAllCalled();
  },
);

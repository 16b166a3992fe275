import { readFileSync, writeFileSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { DeviceTests, MIB, statusOf, tool } from './device-session.js';

const t = new DeviceTests('e2fs');

/** An ext file system that mke2fs(8) made. */
function made(name: string, size = 64 * MIB, ...args: string[]): string {
  const disk = t.disk(name, size);
  tool('mke2fs', '-q', '-t', 'ext4', ...args, disk);
  return disk;
}

/** Facts as dumpe2fs or tune2fs print them. */
function facts(command: string, ...args: string[]): Record<string, string> {
  const lines = tool(command, ...args)
    .split('\n')
    .filter((line) => /^[A-Z][^:]*:\s/.test(line));
  return Object.fromEntries(lines.map((line) => line.split(/:\s*(.*)/s).slice(0, 2)));
}
const dumped = (disk: string): Record<string, string> => facts('dumpe2fs', '-h', disk);

const TOOLS = ['mke2fs', 'e2fsck', 'dumpe2fs', 'tune2fs', 'debugfs', 'mkfs.vfat', 'blkid'];

describe.runIf(requireTools(...TOOLS))('ext functions', () => {
  it('make file systems with the options of mke2fs', async () => {
    const disk = t.disk('mke2fs.raw', 64 * MIB);
    await t.with([disk], (g) =>
      g.mke2fs('/dev/sda', {
        fstype: 'ext3',
        blockscount: 30_000,
        blocksize: 1024,
        label: 'xx',
        bytesperinode: 8192,
        inodesize: 128,
        reservedblockspercentage: 3,
        lastmounteddir: '/where',
        uuid: '12345678-1234-1234-1234-123456789012',
        journalsize: 2,
        resizeinode: false,
        forcecreate: true,
      }),
    );
    tool('e2fsck', '-fn', disk);
    expect(dumped(disk)).toMatchObject({
      'Filesystem volume name': 'xx',
      'Last mounted on': '/where',
      'Filesystem UUID': '12345678-1234-1234-1234-123456789012',
      'Block count': '30000',
      'Block size': '1024',
      'Inode size': '128',
      'Reserved block count': '900',
      'Total journal size': '2048k',
    });
    const features = dumped(disk)['Filesystem features'];
    expect(features).toContain('has_journal');
    expect(features).not.toMatch(/extent|resize_inode/);
    await t.with([disk], (g) => g.mke2fs('/dev/sda'));
    expect(tool('blkid', '-p', '-o', 'value', '-s', 'TYPE', disk)).toBe('ext2\n');
    await t.with([disk], (g) => g.mke2fs('/dev/sda', { hasjournal: true }));
    expect(tool('blkid', '-p', '-o', 'value', '-s', 'TYPE', disk)).toBe('ext3\n');
  });

  it('refuse what does not go', async () => {
    const disk = made('refuse.raw');
    const before = readFileSync(disk);
    await t.with([disk, t.disk('journal.raw', 8 * MIB)], async (g) => {
      for (const options of [
        { blocksize: 3 },
        { reservedblockspercentage: 77 },
        { fstype: 'xfs' },
        { blockscount: -1 },
        { blockscount: 10 ** 9 },
        { usagetype: 'nonsense' },
        { uuid: 'nonsense' },
      ]) {
        await expect(g.mke2fs('/dev/sda', options), JSON.stringify(options)).rejects.toMatchObject({
          code: 'VMC_USAGE',
        });
      }
      const noJournals = { code: 'VMC_UNSUPPORTED', message: expect.stringContaining('external journal') };
      await expect(g.mke2journal(4096, '/dev/sdb')).rejects.toMatchObject(noJournals);
      await expect(g.mke2journalL(4096, 'jl', '/dev/sdb')).rejects.toMatchObject(noJournals);
      const uuid = '12345678-1234-1234-1234-123456789012';
      await expect(g.mke2journalU(4096, uuid, '/dev/sdb')).rejects.toMatchObject(noJournals);
      await expect(g.mke2fsJ('ext3', 4096, '/dev/sda', '/dev/sdb')).rejects.toMatchObject(noJournals);
      await expect(g.mke2fsJL('ext3', 4096, '/dev/sda', 'lbl')).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(g.mke2fsJU('ext3', 4096, '/dev/sda', uuid)).rejects.toMatchObject({ code: 'ENOENT' });
    });
    expect(readFileSync(disk).equals(before)).toBe(true);
  });

  it('read and change settings', async () => {
    const disk = made('tune.raw', 64 * MIB, '-L', 'lab');
    await t.with([disk], async (g) => {
      const before = facts('tune2fs', '-l', disk);
      const said = await g.tune2fsL('/dev/sda');
      for (const key of [
        'Filesystem UUID',
        'Filesystem features',
        'Block count',
        'Inode size',
        'Maximum mount count',
        'Errors behavior',
        'Filesystem state',
        'Check interval',
      ]) {
        expect(said[key], key).toBe(before[key]);
      }
      await g.tune2fs('/dev/sda', {
        maxmountcount: 7,
        mountcount: 3,
        errorbehavior: 'remount-ro',
        intervalbetweenchecks: 86_400,
        reservedblockscount: 100,
        user: 7,
        group: 8,
        lastmounteddirectory: '/xyz',
        force: true,
      });
      await expect(g.tune2fs('/dev/sda', { maxmountcount: -1 })).rejects.toThrow('maxmountcount cannot be negative');
      await expect(g.tune2fs('/dev/sda', { errorbehavior: 'foo' })).rejects.toThrow(
        'invalid errorbehavior parameter: foo',
      );
    });
    tool('e2fsck', '-fn', disk);
    const after = facts('tune2fs', '-l', disk);
    expect(after).toMatchObject({
      'Maximum mount count': '7',
      'Mount count': '3',
      'Errors behavior': 'Remount read-only',
      'Reserved block count': '100',
      'Last mounted on': '/xyz',
    });
    expect(after['Check interval']).toMatch(/^86400 /);
    expect(after['Reserved blocks uid']).toMatch(/^7 /);
    expect(after['Reserved blocks gid']).toMatch(/^8 /);
    const fat = t.disk('notext.raw', 16 * MIB);
    tool('mkfs.vfat', fat);
    await t.with([fat], async (g) => {
      await expect(g.tune2fsL('/dev/sda')).rejects.toMatchObject({ code: 'VMC_USAGE' });
      await expect(g.zerofree('/dev/sda')).rejects.toMatchObject({ code: 'VMC_USAGE' });
      await expect(g.resize2fs('/dev/sda')).rejects.toMatchObject({ code: 'VMC_USAGE' });
      await expect(g.e2fsck('/dev/sda')).rejects.toMatchObject({ code: 'VMC_USAGE' });
    });
  });

  it('label and identify', async () => {
    const disk = made('identity.raw');
    await t.with([disk], async (g) => {
      expect(await g.getE2label('/dev/sda')).toBe('');
      await g.setE2label('/dev/sda', 'lab');
      expect(await g.getE2label('/dev/sda')).toBe('lab');
      await g.setE2uuid('/dev/sda', '12345678-1234-1234-1234-123456789012');
      expect(await g.getE2uuid('/dev/sda')).toBe('12345678-1234-1234-1234-123456789012');
      await g.setE2uuid('/dev/sda', 'random');
      expect(await g.getE2uuid('/dev/sda')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
      await g.setE2uuid('/dev/sda', 'clear');
      expect(await g.getE2uuid('/dev/sda')).toBe('');
      await expect(g.setE2uuid('/dev/sda', 'foo')).rejects.toMatchObject({ code: 'EINVAL' });
    });
    tool('e2fsck', '-fn', disk);
    expect(dumped(disk)['Filesystem volume name']).toBe('lab');
  });

  it('check, replay a journal, and say that damage stays', async () => {
    const disk = made('check.raw');
    tool('debugfs', '-w', '-R', 'write /etc/hostname file', disk);
    await t.with([disk], async (g) => {
      await g.e2fsck('/dev/sda');
      await g.e2fsck('/dev/sda', { correct: true });
      await g.e2fsck('/dev/sda', { forceall: true });
      await g.e2fsck('/dev/sda', { forceno: true });
      await g.e2fsckF('/dev/sda');
      await expect(g.e2fsck('/dev/sda', { correct: true, forceall: true })).rejects.toThrow('only one of the options');
      await g.mount('/dev/sda', '/');
      await expect(g.e2fsck('/dev/sda')).rejects.toMatchObject({ code: 'EBUSY' });
    });
    tool('debugfs', '-w', '-R', 'set_inode_field /file links_count 9', disk);
    expect(statusOf('e2fsck', '-fn', disk)).toBe(4);
    const damaged = readFileSync(disk);
    await t.with([disk], async (g) => {
      const refused = { code: 'VMC_NO_CAPABILITY', message: expect.stringContaining('not repaired') };
      await expect(g.e2fsck('/dev/sda')).rejects.toMatchObject(refused);
      await expect(g.e2fsck('/dev/sda', { forceno: true })).rejects.toMatchObject(refused);
      await expect(g.e2fsckF('/dev/sda')).rejects.toMatchObject(refused);
    });
    expect(statusOf('e2fsck', '-fn', disk)).toBe(4);
    expect(readFileSync(disk).length).toBe(damaged.length);
  });

  it('replay what a journal holds before checking', async () => {
    const disk = made('journal-replay.raw', 32 * MIB);
    const script = t.space.path('journal-script');
    const block = t.space.path('block');
    const target = 3000;
    writeFileSync(block, Buffer.alloc(Number(dumped(disk)['Block size']), 'journalled'));
    writeFileSync(script, `jo\njw -b ${target} ${block}\njc\n`);
    tool('debugfs', '-w', '-f', script, disk);
    expect(dumped(disk)['Filesystem features']).toContain('needs_recovery');
    await t.with([disk], (g) => g.e2fsck('/dev/sda', { correct: true }));
    expect(dumped(disk)['Filesystem features']).not.toContain('needs_recovery');
    tool('e2fsck', '-fn', disk);
    const size = Number(dumped(disk)['Block size']);
    expect(readFileSync(disk).subarray(target * size, (target + 1) * size)).toEqual(readFileSync(block));
  });

  it('shrink and grow', async () => {
    const disk = made('resize.raw', 96 * MIB, '-b', '1024');
    const blocks = (): number => Number(dumped(disk)['Block count']);
    await t.with([disk], async (g) => {
      await g.mount('/dev/sda', '/');
      await g.write('/kept', Buffer.alloc(3 * MIB, 'kept'));
      await expect(g.resize2fsSize('/dev/sda', 40 * MIB)).rejects.toMatchObject({ code: 'EBUSY' });
    });
    await t.with([disk], async (g) => {
      await expect(g.resize2fsSize('/dev/sda', 40 * MIB + 3)).rejects.toThrow('round number of kilobytes');
      await expect(g.resize2fsSize('/dev/sda', 99 * 1024 * MIB)).rejects.toMatchObject({ code: 'VMC_USAGE' });
      await g.resize2fsSize('/dev/sda', 40 * MIB);
    });
    tool('e2fsck', '-fn', disk);
    expect(blocks()).toBe(40 * 1024);
    const least = await t.with([disk], async (g) => {
      const size = await g.vfsMinimumSize('/dev/sda');
      await g.resize2fsM('/dev/sda');
      return size;
    });
    tool('e2fsck', '-fn', disk);
    expect(blocks() * 1024).toBeLessThanOrEqual(40 * MIB);
    expect(least).toBeGreaterThan(3 * MIB);
    await t.with([disk], async (g) => {
      await g.resize2fs('/dev/sda');
      await g.mount('/dev/sda', '/');
      expect(Buffer.from(await g.readFile('/kept')).equals(Buffer.alloc(3 * MIB, 'kept'))).toBe(true);
    });
    tool('e2fsck', '-fn', disk);
    expect(blocks()).toBe(96 * 1024);
  });

  it('clear free blocks', async () => {
    const disk = made('zerofree.raw');
    await t.with([disk], async (g) => {
      await g.mount('/dev/sda', '/');
      await g.write('/gone', Buffer.alloc(2 * MIB, 'NEEDLE-IN-FREE-SPACE'));
      await g.rm('/gone');
      await expect(g.zerofree('/dev/sda')).rejects.toMatchObject({ code: 'EBUSY' });
    });
    expect(readFileSync(disk).includes('NEEDLE-IN-FREE-SPACE')).toBe(true);
    await t.with([disk], (g) => g.zerofree('/dev/sda'));
    expect(readFileSync(disk).includes('NEEDLE-IN-FREE-SPACE')).toBe(false);
    tool('e2fsck', '-fn', disk);
  });

  it('set attributes and generations of files', async () => {
    const disk = made('attributes.raw');
    const fat = t.disk('attributes-fat.raw', 16 * MIB);
    tool('mkfs.vfat', fat);
    await t.with([disk, fat], async (g) => {
      await g.mount('/dev/sda', '/');
      await g.mkdir('/fat');
      await g.touch('/file');
      expect(await g.getE2attrs('/file')).toBe('e');
      await g.setE2attrs('/file', 'Aid');
      expect(await g.getE2attrs('/file')).toBe('Adei');
      await g.setE2attrs('/file', 'i', { clear: true });
      expect(await g.getE2attrs('/file')).toBe('Ade');
      await g.setE2attrs('/file', '');
      await expect(g.setE2attrs('/file', 'z')).rejects.toThrow("'z'");
      await expect(g.setE2attrs('/file', 'ii')).rejects.toThrow("duplicate file attribute 'i'");
      // The generation is part of checksums there; the kernel refuses, too.
      await expect(g.setE2generation('/file', 12_345)).rejects.toMatchObject({ code: 'ENOTSUP' });
      const before = await g.getE2generation('/file');
      expect(before).toBeGreaterThanOrEqual(0);
      await g.mount('/dev/sdb', '/fat');
      await expect(g.getE2attrs('/fat')).rejects.toMatchObject({ code: 'ENOTSUP' });
      await expect(g.getE2generation('/fat')).rejects.toMatchObject({ code: 'ENOTSUP' });
      await expect(g.setE2attrs('/fat', 'i')).rejects.toMatchObject({ code: 'ENOTSUP' });
    });
    tool('e2fsck', '-fn', disk);
    const stat = tool('debugfs', '-R', 'stat /file', disk);
    expect(stat).toMatch(/Flags: 0x800c0/);
    await t.with([disk], async (g) => {
      await g.mountRo('/dev/sda', '/');
      await expect(g.setE2attrs('/file', 'i')).rejects.toMatchObject({ code: 'EROFS' });
      await expect(g.setE2generation('/file', 1)).rejects.toMatchObject({ code: 'EROFS' });
    });
  });

  it('set generations where they are no part of checksums', async () => {
    const disk = made('generation.raw', 16 * MIB, '-O', '^metadata_csum');
    await t.with([disk], async (g) => {
      await g.mount('/dev/sda', '/');
      await g.touch('/file');
      await g.setE2generation('/file', 12_345);
      expect(await g.getE2generation('/file')).toBe(12_345);
      await g.setE2generation('/file', 0xfffffffe);
      expect(await g.getE2generation('/file')).toBe(0xfffffffe);
      await expect(g.setE2generation('/file', -1)).rejects.toMatchObject({ code: 'VMC_USAGE' });
      await expect(g.setE2generation('/file', 2 ** 32)).rejects.toMatchObject({ code: 'VMC_USAGE' });
    });
    tool('e2fsck', '-fn', disk);
    expect(tool('debugfs', '-R', 'stat /file', disk)).toMatch(/Generation: 4294967294/);
  });

  it('make lost+found with room in it', async () => {
    const disk = made('lost.raw');
    await t.with([disk], async (g) => {
      await g.mount('/dev/sda', '/');
      await expect(g.mklostAndFound('/')).rejects.toMatchObject({ code: 'EEXIST' });
      await g.rmdir('/lost+found');
      await g.mklostAndFound('/');
      expect(await g.ls('/lost+found')).toEqual([]);
      const { st_mode, st_size } = await g.statns('/lost+found');
      expect(st_mode & 0o7777).toBe(0o700);
      expect(st_size).toBeGreaterThanOrEqual(16 * 1024);
      await expect(g.mklostAndFound('/none')).rejects.toMatchObject({ code: 'ENOENT' });
    });
    tool('e2fsck', '-fn', disk);
  });

  t.expectAllCalled();
});

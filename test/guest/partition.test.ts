import { readFileSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import type { GuestFS } from 'vmcraft';
import { DeviceTests, MIB, tool } from './device-session.js';

const t = new DeviceTests('partition');
const SIZE = 100 * MIB;

/** Sectors of the partitions as parted sees them. */
const parted = (disk: string): string[] =>
  tool('parted', '-ms', disk, 'unit', 's', 'print')
    .split('\n')
    .filter((line) => /^\d/.test(line))
    .map((line) => line.split(':').slice(0, 3).join(':').replaceAll('s', ''));

const listed = async (g: GuestFS): Promise<string[]> =>
  (await g.partList('/dev/sda')).map((p) => `${p.part_num}:${p.part_start / 512}:${(p.part_end + 1) / 512 - 1}`);

describe.runIf(requireTools('sgdisk', 'sfdisk', 'parted'))('partition functions', () => {
  it('make an MBR with primary, extended and logical partitions', async () => {
    const disk = t.disk('mbr.raw', SIZE);
    await t.with([disk], async (g) => {
      await expect(g.partList('/dev/sda')).rejects.toMatchObject({ code: 'EINVAL' });
      await expect(g.partGetParttype('/dev/sda')).rejects.toMatchObject({ code: 'EINVAL' });
      await g.partInit('/dev/sda', 'mbr');
      expect(await g.partGetParttype('/dev/sda')).toBe('msdos');
      expect(await g.partList('/dev/sda')).toEqual([]);
      await g.partAdd('/dev/sda', 'p', 64, 20479);
      await g.partAdd('/dev/sda', 'extended', 20480, -1);
      await g.partAdd('/dev/sda', 'l', 20544, 40959);
      await g.partAdd('/dev/sda', 'logical', 41024, 81919);
      await expect(g.partAdd('/dev/sda', 'x', 1, 2)).rejects.toMatchObject({ code: 'VMC_USAGE' });
      await expect(g.partAdd('/dev/sda', 'p', -5, 100)).rejects.toThrow('startsect cannot be negative');
      await expect(g.partAdd('/dev/sda', 'p', 64, 100)).rejects.toThrow('overlap');
      expect(await g.partList('/dev/sda')).toEqual([
        { part_num: 1, part_start: 32768, part_end: 10485759, part_size: 10452992 },
        { part_num: 2, part_start: 10485760, part_end: 104857599, part_size: 94371840 },
        { part_num: 5, part_start: 10518528, part_end: 20971519, part_size: 10452992 },
        { part_num: 6, part_start: 21004288, part_end: 41943039, part_size: 20938752 },
      ]);
      expect(await g.listPartitions()).toEqual(['/dev/sda1', '/dev/sda2', '/dev/sda5', '/dev/sda6']);
      expect(await g.partToDev('/dev/sda5')).toBe('/dev/sda');
      expect(await g.partToPartnum('/dev/sda5')).toBe(5);
      await expect(g.partToDev('/dev/sda')).rejects.toThrow('not a partition');
      expect(await g.partGetMbrPartType('/dev/sda', 1)).toBe('primary');
      expect(await g.partGetMbrPartType('/dev/sda', 2)).toBe('extended');
      expect(await g.partGetMbrPartType('/dev/sda', 5)).toBe('logical');
      await expect(g.partGetMbrPartType('/dev/sda', 9)).rejects.toThrow('partition 9 not found');
      await g.partResize('/dev/sda', 6, 90000);
      expect(await listed(g)).toContain('6:41024:90000');
    });
    expect(parted(disk)).toEqual(['1:64:20479', '2:20480:204799', '5:20544:40959', '6:41024:90000']);
  });

  it('set type bytes and the boot flag of an MBR, and refuse what only a GPT has', async () => {
    const disk = t.disk('mbr2.raw', SIZE);
    await t.with([disk], async (g) => {
      await g.partDisk('/dev/sda', 'mbr');
      await g.partSetMbrId('/dev/sda', 1, 0x0c);
      expect(await g.partGetMbrId('/dev/sda', 1)).toBe(0x0c);
      expect(await g.partGetGptType('/dev/sda', 1)).toBe('EBD0A0A2-B9E5-4433-87C0-68B6B72699C7');
      expect(await g.partGetBootable('/dev/sda', 1)).toBe(false);
      await g.partSetBootable('/dev/sda', 1, true);
      expect(await g.partGetBootable('/dev/sda', 1)).toBe(true);
      for (const refused of [
        g.partGetName('/dev/sda', 1),
        g.partSetName('/dev/sda', 1, 'x'),
        g.partSetGptType('/dev/sda', 1, '0FC63DAF-8483-4772-8E79-3D69D8477DE4'),
        g.partGetGptGuid('/dev/sda', 1),
        g.partGetGptAttributes('/dev/sda', 1),
        g.partGetDiskGuid('/dev/sda'),
        g.partExpandGpt('/dev/sda'),
        g.partSetMbrId('/dev/sda', 4, 7),
        g.partDel('/dev/sda', 4),
      ]) {
        await expect(refused).rejects.toMatchObject({ code: 'VMC_USAGE' });
      }
    });
    const dump = tool('sfdisk', '-d', disk);
    expect(dump).toMatch(/start= *128, size= *204545, type=c, bootable/);
  });

  it('read and set everything of a GPT', async () => {
    const disk = t.disk('gpt.raw', SIZE);
    const guid = '01234567-89AB-CDEF-0123-456789ABCDEF';
    await t.with([disk], async (g) => {
      await g.partInit('/dev/sda', 'efi');
      await g.partAdd('/dev/sda', 'p', 2048, 40959);
      await g.partAdd('/dev/sda', 'logical', 40960, 81919);
      expect(await g.partGetName('/dev/sda', 1)).toBe('primary');
      expect(await g.partGetName('/dev/sda', 2)).toBe('logical');
      await g.partSetName('/dev/sda', 1, 'hello world');
      await g.partSetGptType('/dev/sda', 1, 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7');
      await g.partSetGptGuid('/dev/sda', 1, guid);
      await g.partSetDiskGuid('/dev/sda', guid);
      await g.partSetGptAttributes('/dev/sda', 1, 4);
      expect(await g.partGetGptAttributes('/dev/sda', 1)).toBe(4);
      await g.partSetGptAttributes('/dev/sda', 1, 1n << 63n);
      expect(await g.partGetGptAttributes('/dev/sda', 1)).toBe(-(2 ** 63));
      await g.partSetGptAttributes('/dev/sda', 1, (1n << 63n) | 1n);
      await expect(g.partGetGptAttributes('/dev/sda', 1)).rejects.toThrow('0x8000000000000001');
      expect(await g.partGetName('/dev/sda', 1)).toBe('hello world');
      expect(await g.partGetGptType('/dev/sda', 1)).toBe('EBD0A0A2-B9E5-4433-87C0-68B6B72699C7');
      expect(await g.partGetGptGuid('/dev/sda', 1)).toBe(guid);
      expect(await g.partGetDiskGuid('/dev/sda')).toBe(guid);
      expect(await g.partGetMbrPartType('/dev/sda', 1)).toBe('primary');
      await expect(g.partSetMbrId('/dev/sda', 1, 7)).rejects.toMatchObject({ code: 'VMC_USAGE' });
      await g.partSetBootable('/dev/sda', 2, true);
      expect(await g.partGetBootable('/dev/sda', 2)).toBe(true);
      expect(await g.partGetGptType('/dev/sda', 2)).toBe('C12A7328-F81F-11D2-BA4B-00A0C93EC93B');
      await g.blockdevRereadpt('/dev/sda');
      expect(await g.findfsPartlabel('hello world')).toBe('/dev/sda1');
    });
    const info = tool('sgdisk', '-v', '-i', '1', disk);
    expect(info).toContain('No problems found');
    expect(info).toContain(`Partition unique GUID: ${guid}`);
    expect(info).toContain("Partition name: 'hello world'");
    expect(info).toContain('Attribute flags: 8000000000000001');
    expect(tool('sgdisk', '-p', disk)).toContain(`Disk identifier (GUID): ${guid}`);
    await t.with([disk], async (g) => {
      await g.partSetDiskGuidRandom('/dev/sda');
      expect(await g.partGetDiskGuid('/dev/sda')).not.toBe(guid);
      await g.partDel('/dev/sda', 2);
      expect(await g.listPartitions()).toEqual(['/dev/sda1']);
    });
    expect(parted(disk)).toEqual(['1:2048:40959']);
  });

  it('move the end of a GPT to that of a disk that has grown', async () => {
    const disk = t.disk('grown.raw', SIZE);
    tool('sgdisk', '-n1:2048:+10M', disk);
    tool('truncate', '-s', String(2 * SIZE), disk);
    await t.with([disk], async (g) => {
      await g.partExpandGpt('/dev/sda');
      await g.partResize('/dev/sda', 1, -34 - 2048);
    });
    expect(tool('sgdisk', '-v', disk)).toContain('No problems found');
    expect(parted(disk)).toEqual([`1:2048:${(2 * SIZE) / 512 - 34 - 2048}`]);
  });

  it('list partitions in the order in which they lie on the disk', async () => {
    const disk = t.disk('order.raw', SIZE);
    tool('sgdisk', '-n2:2048:4095', '-n1:4096:8191', '-n7:8192:10239', disk);
    await t.with([disk], async (g) => {
      expect(await listed(g)).toEqual(parted(disk));
      expect(await listed(g)).toEqual(['2:2048:4095', '1:4096:8191', '7:8192:10239']);
    });
  });

  it('delete an extended partition with the logical ones, and one logical', async () => {
    const disk = t.disk('del.raw', SIZE);
    await t.with([disk], async (g) => {
      await g.partInit('/dev/sda', 'msdos');
      await g.partAdd('/dev/sda', 'e', 2048, -1);
      for (const start of [4096, 20480, 40960]) await g.partAdd('/dev/sda', 'l', start, start + 8191);
      await g.partDel('/dev/sda', 6);
      expect(await listed(g)).toEqual(['1:2048:204799', '5:4096:12287', '6:40960:49151']);
    });
    expect(parted(disk)).toEqual(['1:2048:204799', '5:4096:12287', '6:40960:49151']);
    await t.with([disk], (g) => g.partDel('/dev/sda', 1));
    expect(parted(disk)).toEqual([]);
  });

  it('leave what is mounted alone, and change the rest of the table', async () => {
    const disk = t.disk('busy.raw', SIZE);
    await t.with([disk], async (g) => {
      await g.partInit('/dev/sda', 'gpt');
      await g.partAdd('/dev/sda', 'p', 2048, 40959);
      await g.mkfs('vfat', '/dev/sda1');
      await g.mount('/dev/sda1', '/');
      await g.write('/a', 'before');
      for (const busy of [
        g.partInit('/dev/sda', 'gpt'),
        g.partDisk('/dev/sda', 'gpt'),
        g.partDel('/dev/sda', 1),
        g.partResize('/dev/sda', 1, 50000),
        g.blockdevRereadpt('/dev/sda'),
        g.sfdisk('/dev/sda', 0, 0, 0, [',']),
      ]) {
        await expect(busy).rejects.toMatchObject({ code: 'EBUSY' });
      }
      await g.partAdd('/dev/sda', 'p', 40960, 81919);
      await g.write('/b', 'after');
      await g.umountAll();
      await g.mount('/dev/sda1', '/');
      expect([await g.cat('/a'), await g.cat('/b')]).toEqual(['before', 'after']);
    });
    expect(parted(disk)).toEqual(['1:2048:40959', '2:40960:81919']);
  });

  it('refuse unknown types and read-only disks, and tell a file system on a whole disk', async () => {
    const disk = t.disk('ro.raw', SIZE);
    await t.with([disk], async (g) => {
      await expect(g.partInit('/dev/sda', 'bogus')).rejects.toThrow('common choices are "gpt" and "msdos"');
      await expect(g.partDisk('/dev/sda', 'sun')).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
      await g.mkfs('vfat', '/dev/sda');
      await expect(g.partGetParttype('/dev/sda')).rejects.toThrow('not a partitioned device');
      // What guestfish prints for a disk of this size.
      const geometry = '/dev/sda: 1024 cylinders, 4 heads, 50 sectors/track\n';
      expect(await g.sfdiskKernelGeometry('/dev/sda')).toBe(geometry);
      expect(await g.partList('/dev/sda')).toEqual([
        { part_num: 1, part_start: 0, part_end: SIZE - 1, part_size: SIZE },
      ]);
    });
    const before = readFileSync(disk);
    await t.with(
      [disk],
      async (g) => {
        await expect(g.partInit('/dev/sda', 'gpt')).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
        await expect(g.partAdd('/dev/sda', 'p', 1, 2)).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
      },
      { readonly: true },
    );
    expect(readFileSync(disk).equals(before)).toBe(true);
  });

  it('take scripts as sfdisk does', async () => {
    const disk = t.disk('script.raw', 64 * MIB);
    const oracle = t.disk('oracle.raw', 64 * MIB);
    const scripts = [
      [',10', ',10', ';'],
      [','],
      ['2048,4096,L,*', ',8M,S', '- 16MiB U', ',,E', ',4M', ','],
      ['start=4096, size=8192, type=7, bootable', 'size=1M'],
    ];
    for (const lines of scripts) {
      await t.with([disk], (g) => g.sfdisk('/dev/sda', 0, 0, 0, lines));
      tool('sh', '-c', `printf '%s\\n' "$@" | sfdisk -q --wipe always '${oracle}'`, 'sh', ...lines);
      const places = (path: string): string =>
        tool('sfdisk', '-d', path)
          .replaceAll(path, 'disk')
          .replace(/label-id.*/, '');
      expect(places(disk), lines.join('|')).toBe(places(oracle));
    }
    await t.with([disk], async (g) => {
      await g.sfdiskM('/dev/sda', ['1,10', ',20', ',']);
      expect(await listed(g)).toEqual(['1:2048:22527', '2:22528:63487', '3:63488:131071']);
      await g.sfdiskN('/dev/sda', 2, 0, 0, 0, ',5,82,*');
      expect(await listed(g)).toContain('2:22528:22532');
      expect([await g.partGetMbrId('/dev/sda', 2), await g.partGetBootable('/dev/sda', 2)]).toEqual([0x82, true]);
      await expect(g.sfdisk('/dev/sda', 0, 0, 0, [',nonsense'])).rejects.toThrow("'nonsense' is not a number");
      await expect(g.sfdisk('/dev/sda', 0, 0, 0, [',999999999'])).rejects.toMatchObject({ code: 'VMC_USAGE' });
      expect((await listed(g)).length).toBe(3);
      expect(await g.sfdiskDiskGeometry('/dev/sda')).toBe('/dev/sda: 1016 cylinders, 3 heads, 43 sectors/track\n');
      expect(await g.sfdiskKernelGeometry('/dev/sda')).toBe(await g.sfdiskDiskGeometry('/dev/sda'));
    });
    await t.with([disk], async (g) => {
      const text = (await g.sfdiskL('/dev/sda')).replaceAll('/dev/sda', disk);
      const squeeze = (s: string): string[] =>
        s
          .split('\n')
          .filter((l) => l.startsWith(`${disk}1`))
          .map((l) => l.replaceAll(/\s+/g, ' '));
      expect(squeeze(text)).toEqual(squeeze(tool('sfdisk', '-l', disk)));
      expect(text).toContain('Disklabel type: dos');
    });
  });

  t.expectAllCalled();
});

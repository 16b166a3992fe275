import { readFileSync, writeFileSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { DeviceTests, MIB, statusOf, tool } from './device-session.js';

const t = new DeviceTests('filesystem');
const START = MIB;
const SIZE = 48 * MIB;

/** A GPT disk with one partition for a file system. */
function partitioned(name: string): string {
  const disk = t.disk(name, 64 * MIB);
  tool('sgdisk', `-n1:2048:+${SIZE / MIB}M`, '-c1:part one', '-u1:01234567-89AB-CDEF-0123-456789ABCDEF', disk);
  return disk;
}

const blkid = (path: string, tag: string): string => tool('blkid', '-p', '-o', 'value', '-s', tag, path).trim();

const TOOLS = ['sgdisk', 'blkid', 'e2fsck', 'fsck.fat', 'fsck.exfat', 'dumpe2fs', 'mke2fs', 'mkswap', 'debugfs'];

describe.runIf(requireTools(...TOOLS))('file-system functions', () => {
  it.each([
    ['ext2', 'ext2', ['e2fsck', '-fn']],
    ['ext3', 'ext3', ['e2fsck', '-fn']],
    ['ext4', 'ext4', ['e2fsck', '-fn']],
    ['vfat', 'vfat', ['fsck.fat', '-n']],
    ['fat', 'vfat', ['fsck.fat', '-n']],
    ['fat32', 'vfat', ['fsck.fat', '-n']],
    ['exfat', 'exfat', ['fsck.exfat', '-n']],
  ] as const)('make %s that other tools accept', async (fstype, type, [check, option]) => {
    const disk = partitioned(`mkfs-${fstype}.raw`);
    await t.with([disk], async (g) => {
      await g.mkfs(fstype, '/dev/sda1', { label: 'LABEL1' });
      expect([await g.vfsType('/dev/sda1'), await g.vfsLabel('/dev/sda1')]).toEqual([type, 'LABEL1']);
      expect(await g.listFilesystems()).toEqual({ '/dev/sda1': type });
      expect(await g.fsck(type, '/dev/sda1')).toBe(0);
      await g.mount('/dev/sda1', '/');
      await g.write('/hello', 'hello');
    });
    const part = t.part(disk, START, SIZE);
    tool(check, option, part);
    expect([blkid(part, 'TYPE'), blkid(part, 'LABEL')]).toEqual([type, 'LABEL1']);
    await t.with([disk], async (g) => {
      const uuid = await g.vfsUuid('/dev/sda1');
      expect(uuid).toBe(blkid(part, 'UUID'));
      expect(await g.findfsUuid(uuid)).toBe('/dev/sda1');
      expect(await g.findfsLabel('LABEL1')).toBe('/dev/sda1');
    });
  });

  it('make file systems with options', async () => {
    const disk = partitioned('options.raw');
    await t.with([disk], (g) =>
      g.mkfs('ext4', '/dev/sda1', { blocksize: 2048, inode: 512, features: '^has_journal,^resize_inode' }),
    );
    const facts = tool('dumpe2fs', '-h', t.part(disk, START, SIZE));
    expect(facts).toMatch(/Block size: *2048/);
    expect(facts).toMatch(/Inode size:\s*512/);
    expect(facts).not.toMatch(/has_journal|resize_inode/);
    await t.with([disk], async (g) => {
      await g.mkfs('vfat', '/dev/sda1', { blocksize: 8192, sectorsize: 1024 });
      const boot = await g.preadDevice('/dev/sda1', 512, 0);
      expect([boot[11]! | (boot[12]! << 8), boot[13]]).toEqual([1024, 8]);
      // Sectors before the partition.
      expect(new DataView(boot.buffer, boot.byteOffset).getUint32(28, true)).toBe(2048);
      await g.mkfsB('ext2', 4096, '/dev/sda1');
    });
    expect(tool('dumpe2fs', '-h', t.part(disk, START, SIZE))).toMatch(/Block size: *4096/);
  });

  it('refuse options and types that do not go, and change nothing then', async () => {
    const disk = partitioned('refuse.raw');
    const before = readFileSync(disk);
    await t.with([disk], async (g) => {
      for (const refused of [
        g.mkfs('ext2', '/dev/sda1', { blocksize: 1000 }),
        g.mkfs('ext2', '/dev/sda1', { blocksize: -4 }),
        g.mkfs('vfat', '/dev/sda1', { features: 'x' }),
        g.mkfs('vfat', '/dev/sda1', { inode: 256 }),
        g.mkfs('ext4', '/dev/sda1', { sectorsize: 512 }),
      ]) {
        await expect(refused).rejects.toMatchObject({ code: 'VMC_USAGE' });
      }
      await expect(g.mkfs('bogus', '/dev/sda1')).rejects.toMatchObject({ code: 'VMC_NO_PROVIDER' });
      await expect(g.mkfs('vfat', '/dev/sda9')).rejects.toMatchObject({ code: 'ENOENT' });
    });
    expect(readFileSync(disk).equals(before)).toBe(true);
  });

  it('list what is there, whole disks first', async () => {
    const blank = t.disk('blank.raw', 4 * MIB);
    const fat = t.disk('wholefat.raw', 4 * MIB);
    const disk = t.disk('many.raw', 64 * MIB);
    tool('mkfs.vfat', fat);
    tool('sgdisk', '-n1:2048:+8M', '-n2:0:+8M', '-n3:0:+8M', '-n4:0:+8M', '-t4:0c01', disk);
    await t.with([disk, blank, fat], async (g) => {
      await g.mkfs('ext2', '/dev/sda1');
      expect(Object.entries(await g.listFilesystems())).toEqual([
        ['/dev/sdb', 'unknown'],
        ['/dev/sdc', 'vfat'],
        ['/dev/sda1', 'ext2'],
        ['/dev/sda2', 'unknown'],
        ['/dev/sda3', 'unknown'],
      ]);
      expect([await g.vfsType('/dev/sdb'), await g.vfsLabel('/dev/sdb'), await g.vfsUuid('/dev/sdb')]).toEqual([
        '',
        '',
        '',
      ]);
      expect(await g.call('get-uuid', '/dev/sdb')).toBe('');
      expect(await g.filesystemAvailable('ext4')).toBe(true);
      expect(await g.filesystemAvailable('bogus')).toBe(false);
      await expect(g.list9p()).rejects.toMatchObject({ code: 'VMC_NO_CAPABILITY' });
    });
  });

  it('label, and find by label, UUID and partition', async () => {
    const disk = partitioned('labels.raw');
    await t.with([disk], async (g) => {
      await g.mkfs('ext4', '/dev/sda1', { label: 'old' });
      await g.setLabel('/dev/sda1', 'new');
      expect(await g.vfsLabel('/dev/sda1')).toBe('new');
      expect(await g.findfsLabel('new')).toBe('/dev/sda1');
      await expect(g.findfsLabel('old')).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(g.setLabel('/dev/sda1', 'longer than 16 bytes')).rejects.toMatchObject({ code: 'EINVAL' });
      await g.setUuid('/dev/sda1', '12345678-1234-1234-1234-123456789012');
      expect(await g.findfsUuid('12345678-1234-1234-1234-123456789012')).toBe('/dev/sda1');
      await expect(g.setUuid('/dev/sda1', 'foo')).rejects.toMatchObject({ code: 'EINVAL' });
      await g.setUuidRandom('/dev/sda1');
      await expect(g.findfsUuid('12345678-1234-1234-1234-123456789012')).rejects.toThrow('unable to resolve');
      expect(await g.findfsPartlabel('part one')).toBe('/dev/sda1');
      expect(await g.findfsPartuuid('01234567-89ab-cdef-0123-456789abcdef')).toBe('/dev/sda1');
      await g.mount('/dev/sda1', '/');
      await g.setLabel('/dev/sda1', 'mounted');
      expect(await g.vfsLabel('/dev/sda1')).toBe('mounted');
    });
    const part = t.part(disk, START, SIZE);
    tool('e2fsck', '-fn', part);
    expect(blkid(part, 'LABEL')).toBe('mounted');
    await t.with([disk], async (g) => {
      await g.mkfs('vfat', '/dev/sda1');
      await g.setLabel('/dev/sda1', 'FATTY');
      await g.setUuid('/dev/sda1', 'ABCD-1234');
      expect([await g.vfsLabel('/dev/sda1'), await g.vfsUuid('/dev/sda1')]).toEqual(['FATTY', 'ABCD-1234']);
      await g.setUuidRandom('/dev/sda1');
      expect(await g.vfsUuid('/dev/sda1')).toMatch(/^[0-9A-F]{4}-[0-9A-F]{4}$/);
      await expect(g.setLabel('/dev/sda1', 'twelve chars')).rejects.toMatchObject({ code: 'EINVAL' });
    });
    const fat = t.part(disk, START, SIZE);
    tool('fsck.fat', '-n', fat);
    expect(blkid(fat, 'LABEL')).toBe('FATTY');
    const swap = t.disk('swap.raw', 4 * MIB);
    tool('mkswap', swap);
    await t.with([swap], async (g) => {
      expect(await g.vfsType('/dev/sda')).toBe('swap');
      await expect(g.setLabel('/dev/sda', 'x')).rejects.toMatchObject({ code: 'VMC_NO_PROVIDER' });
      await expect(g.vfsMinimumSize('/dev/sda')).rejects.toMatchObject({ code: 'VMC_NO_PROVIDER' });
    });
  });

  it('say that FAT has no least size', async () => {
    const disk = t.disk('minimum.raw', 16 * MIB);
    tool('mkfs.vfat', disk);
    await t.with([disk], async (g) => {
      await expect(g.vfsMinimumSize('/dev/sda')).rejects.toMatchObject({ code: 'ENOTSUP' });
    });
  });

  it('tell of damage in a check', async () => {
    const disk = partitioned('damage.raw');
    await t.with([disk], async (g) => {
      await g.mkfs('ext2', '/dev/sda1');
      await g.mount('/dev/sda1', '/');
      await g.write('/file', 'x');
      await expect(g.fsck('ext2', '/dev/sda1')).rejects.toMatchObject({ code: 'EBUSY' });
    });
    const part = t.part(disk, START, SIZE);
    tool('debugfs', '-w', '-R', 'set_inode_field /file links_count 7', part);
    expect(statusOf('e2fsck', '-fn', part)).toBe(4);
    await t.with([part], async (g) => {
      expect(await g.fsck('ext2', '/dev/sda')).toBe(4);
      expect(g.session.warnings.some(({ message }) => message.startsWith('fsck: '))).toBe(true);
      await expect(g.fsck('bogus', '/dev/sda')).rejects.toMatchObject({ code: 'VMC_NO_PROVIDER' });
    });
  });

  it('count space as df, du and statvfs do', async () => {
    const disk = t.disk('space.raw', 64 * MIB);
    const fat = t.disk('space-fat.raw', 16 * MIB);
    tool('mke2fs', '-q', '-t', 'ext4', '-b', '1024', disk);
    tool('mkfs.vfat', fat);
    await t.with([disk, fat], async (g) => {
      await expect(g.df()).rejects.toThrow("call 'mount' first");
      await g.mount('/dev/sda', '/');
      await g.mkdir('/fat');
      await g.mount('/dev/sdb', '/fat');
      await g.mkdir('/dir');
      await g.write('/dir/a', Buffer.alloc(10_000, 1));
      await g.ln('/dir/a', '/dir/b');
      await g.fillDir('/dir', 3);
      expect(await g.ls('/dir')).toEqual(['00000000', '00000001', '00000002', 'a', 'b']);
      expect(await g.du('/dir')).toBe(11);
      expect(await g.du('/dir/a')).toBe(10);
      await expect(g.du('/none')).rejects.toMatchObject({ code: 'ENOENT' });
      const facts = await g.statvfs('/dir');
      expect(facts).toMatchObject({ bsize: 1024, frsize: 1024, namemax: 255, flag: 0 });
      expect(facts.bfree).toBe(facts.blocks - Math.ceil((facts.blocks * 1024 - facts.bfree * 1024) / 1024));
      const lines = (await g.df()).trimEnd().split('\n');
      expect(lines[0]).toBe('Filesystem     1K-blocks  Used Available Use% Mounted on');
      const used = facts.blocks - facts.bfree;
      expect(lines[1]!.split(/\s+/)).toEqual(['/dev/sda', `${facts.blocks}`, `${used}`, `${facts.bavail}`, '1%', '/']);
      expect(lines[2]).toMatch(/^\/dev\/sdb .* \/fat$/);
      const human = (await g.dfH()).split('\n');
      expect(human[0]).toBe('Filesystem      Size  Used Avail Use% Mounted on');
      expect(human[1]).toMatch(/^\/dev\/sda +\d+M +\d+(\.\d)?[KM] +\d+M +1% \/$/);
    });
    const free = /Free blocks: *(\d+)/.exec(tool('dumpe2fs', '-h', disk))?.[1];
    await t.with([disk], async (g) => {
      await g.mountRo('/dev/sda', '/');
      const facts = await g.statvfs('/');
      expect([facts.bfree, facts.flag]).toEqual([Number(free), 1]);
    });
  });

  it('read the volume descriptor of an ISO image', async () => {
    const iso = t.disk('volume.iso', 64 * 2048);
    const bytes = readFileSync(iso);
    bytes.fill(0x20, 16 * 2048 + 8, 16 * 2048 + 813);
    bytes.write('\x01CD001\x01', 16 * 2048, 'latin1');
    bytes.write('LINUX', 16 * 2048 + 8);
    bytes.write('MY VOLUME', 16 * 2048 + 40);
    bytes.writeUInt32LE(64, 16 * 2048 + 80);
    for (const [at, value] of [
      [120, 1],
      [124, 1],
      [128, 2048],
    ] as const)
      bytes.writeUInt16LE(value, 16 * 2048 + at);
    bytes.write('2024022912300000\x04', 16 * 2048 + 813, 'latin1');
    bytes.write('0000000000000000\0', 16 * 2048 + 830, 'latin1');
    bytes.write('\xffCD001\x01', 17 * 2048, 'latin1');
    writeFileSync(iso, bytes);
    const holder = t.disk('holder.raw', 16 * MIB);
    tool('mkfs.vfat', holder);
    await t.with([iso, holder], async (g) => {
      const info = await g.isoinfoDevice('/dev/sda');
      expect(info).toMatchObject({
        iso_system_id: 'LINUX',
        iso_volume_id: 'MY VOLUME',
        iso_volume_space_size: 64,
        iso_volume_set_size: 1,
        iso_volume_sequence_number: 1,
        iso_logical_block_size: 2048,
        iso_publisher_id: '',
        iso_volume_creation_t: Date.UTC(2024, 1, 29, 11, 30, 0) / 1000,
        iso_volume_modification_t: -1,
      });
      await g.mount('/dev/sdb', '/');
      await g.copyDeviceToFile('/dev/sda', '/cd.iso');
      expect(await g.isoinfo('/cd.iso')).toEqual(info);
      await g.write('/not.iso', 'x');
      await expect(g.isoinfo('/not.iso')).rejects.toThrow('not an ISO file');
      await expect(g.isoinfoDevice('/dev/sdb')).rejects.toMatchObject({ code: 'EINVAL' });
    });
  });

  t.expectAllCalled();
});

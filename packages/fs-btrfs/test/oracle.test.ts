import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { type FileSystem, type FsNode, S_IFDIR, S_IFMT, supports } from '@vmcraft/core/contracts';
import { listHostTree, listTree, requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { btrfsDriver } from '../src/index.js';
import { BTRFS_TOOLS, fill, hostAttributes, makeBtrfs, openDevices, scratch, withMount } from './support.js';

/** What mkfs.btrfs makes, how it is mounted to be filled, and over how many devices. */
const KINDS: readonly (readonly [name: string, options: readonly string[], mount: string, devices: number])[] = [
  ['single, crc32c', ['-d', 'single', '-m', 'single'], '', 1],
  ['dup, xxhash64', ['-d', 'dup', '-m', 'dup', '--csum', 'xxhash'], 'compress-force=zlib', 1],
  ['sha256, zstd', ['--csum', 'sha256'], 'compress-force=zstd:3', 1],
  ['blake2b, lzo', ['--csum', 'blake2'], 'compress-force=lzo', 1],
  ['mixed block groups', ['-M', '-n', '4096'], 'compress=zstd', 1],
  ['nodes of 4 KiB, holes as items', ['-n', '4096', '-O', '^no-holes,^skinny-metadata'], '', 1],
  ['nodes of 64 KiB, no free space tree', ['-n', '65536', '-R', '^free-space-tree'], 'compress-force=lzo', 1],
  ['no checksums of data', [], 'nodatasum', 1],
  ['quotas', ['-R', 'quota'], '', 1],
  ['RAID 0', ['-d', 'raid0', '-m', 'raid1'], '', 3],
  ['RAID 1', ['-d', 'raid1', '-m', 'raid1'], '', 2],
  ['RAID 1 in three copies', ['-d', 'raid1c3', '-m', 'raid1c3'], '', 3],
  ['RAID 1 in four copies', ['-d', 'raid1c4', '-m', 'raid1c4'], '', 4],
  ['RAID 10', ['-d', 'raid10', '-m', 'raid10'], 'compress=zstd', 4],
  ['RAID 5', ['-d', 'raid5', '-m', 'raid5'], '', 3],
  ['RAID 6', ['-d', 'raid6', '-m', 'raid6'], '', 5],
  ['single over several', ['-d', 'single', '-m', 'raid1'], '', 3],
];
/** How many devices may be missing. */
const TOLERATED: Readonly<Record<string, number>> = {
  'RAID 1': 1,
  'RAID 1 in three copies': 2,
  'RAID 1 in four copies': 3,
  'RAID 10': 1,
  'RAID 5': 1,
  'RAID 6': 2,
};

/** The time of a directory that stands for nothing is that of the look. */
const lasting = (lines: readonly string[]): string[] => lines.filter((line) => !line.includes('/snap/dir/inner'));

async function attributesOf(fs: FileSystem): Promise<string[]> {
  const lines: string[] = [];
  if (!supports(fs, 'xattr')) return lines;
  const look = async (node: FsNode, path: string): Promise<void> => {
    for (const name of await fs.listXattr(node)) {
      lines.push(`${path} ${name}=${Buffer.from((await fs.getXattr(node, name))!).toString('hex')}`);
    }
    if (((await fs.stat(node)).mode & S_IFMT) !== S_IFDIR) return;
    for await (const entry of fs.readdir(node))
      await look(entry.node, path === '/.' ? `/${entry.name}` : `${path}/${entry.name}`);
  };
  await look(fs.root, '/.');
  return lines.sort();
}

describe.runIf(requireTools(...BTRFS_TOOLS))('Btrfs of mkfs.btrfs, filled by the kernel', () => {
  const { folder, remove } = scratch();
  afterAll(remove);

  it.each(KINDS)('%s: the tree and its attributes are the kernel’s', async (name, options, mountOptions, count) => {
    const images = makeBtrfs(folder, options, count, count > 1 ? '256M' : '300M');
    let theirs: string[] = [];
    let attributes: string[] = [];
    withMount(images, folder, mountOptions, fill);
    withMount(images, folder, 'ro', (mount) => {
      theirs = lasting(listHostTree(mount, { links: true }));
      attributes = hostAttributes(mount);
    });
    const devices = await openDevices(images);
    const look = async (there: typeof devices): Promise<void> => {
      await using fs = await btrfsDriver.open(there[0]!, { readonly: true, peers: async () => there.slice(1) });
      expect(lasting(await listTree(fs, { links: true }))).toEqual(theirs);
      expect(theirs.length).toBeGreaterThan(3000);
      expect(await attributesOf(fs)).toEqual(attributes);
    };
    await look(devices);
    const missing = TOLERATED[name] ?? 0;
    if (missing > 0) {
      await look(devices.slice(missing));
      await look(devices.slice(0, -missing));
    }
    const few = devices.slice(missing + (name === 'RAID 10' ? 2 : 1));
    if (few.length > 0 && count > 1)
      await expect(look(few)).rejects.toThrow(/devid \d+ \([0-9a-f-]{36}\).*missing|devid \d+ is missing/);
    for (const device of devices) await device.close();
    for (const image of images) rmSync(image);
  });

  it('a file system with a seed device is refused by name; the seed itself is read', async () => {
    const [seed = '', grown = ''] = [...makeBtrfs(folder, ['-m', 'single'], 1), ...makeBtrfs(folder, [], 1)];
    withMount([seed], folder, '', (mount) => execFileSync('sh', ['-c', 'echo seed > seed'], { cwd: mount }));
    execFileSync('btrfstune', ['-S', '1', seed]);
    const loop = execFileSync('losetup', ['-f', '--show', grown], { encoding: 'utf8' }).trim();
    try {
      withMount([seed], folder, '', (mount) => {
        execFileSync('btrfs', ['device', 'add', '-f', loop, mount], { stdio: 'pipe' });
        execFileSync('mount', ['-o', 'remount,rw', mount]);
        execFileSync('sh', ['-c', 'echo more > more'], { cwd: mount });
      });
    } finally {
      execFileSync('losetup', ['-d', loop]);
    }
    const [first, second] = await openDevices([seed, grown]);
    await using fs = await btrfsDriver.open(first!, { readonly: true });
    expect(new TextDecoder().decode(await fs.read((await fs.lookup(fs.root, 'seed'))!, 0, 99))).toBe('seed\n');
    await expect(btrfsDriver.open(second!, { readonly: true })).rejects.toMatchObject({
      message: expect.stringMatching(/seed device|missing/),
    });
    for (const image of [seed, grown]) rmSync(image);
  });
});

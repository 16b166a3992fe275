import { S_IFDIR, S_IFREG, supports } from '@vmcraft/core/contracts';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { NtfsMount } from './ntfs-mount.js';
import type { Writable } from './random-changes.js';
import { describeDifferences, treeOf } from './tree.js';
import { complaints, findingsIn, NtfsWorkspace, openNtfs } from './workspace.js';

const MIB = 1024 * 1024;
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Names and values that are set; what is read must be the same bytes, from us and from ntfs-3g. */
const VALUES: Readonly<Record<string, Buffer>> = {
  'user.stream': Buffer.from('contents'),
  'user.Ünï 名': Buffer.alloc(30_000, 'x'),
  'user.empty': Buffer.alloc(0),
  'system.ntfs_attrib': hex('23 20 00 00'),
  'system.ntfs_crtime': hex('0011223344556601'),
  'system.ntfs_acl': hex(
    '01000480 14000000 24000000 00000000 34000000 010200000000000520000000 20020000 010200000000000520000000 20020000' +
      '02001c00 01000000 00031400 ff011f00 010100000000000100000000',
  ),
  'system.ntfs_object_id': hex('000102030405060708090a0b0c0d0e0f'),
  'system.ntfs_ea': Buffer.concat([hex('14000000 00040500'), Buffer.from('NAME\0value\0\0')]),
};
const NAMES = [
  ...Object.keys(VALUES),
  'system.ntfs_times',
  'system.ntfs_times_be',
  'system.ntfs_attrib_be',
  'system.ntfs_reparse_data',
  'system.ntfs_dos_name',
];

/** Short names: of its own, the long one itself, changed, removed, and the ones that are refused. */
async function shortNames(fs: Writable): Promise<void> {
  const set = async (name: string, ...short: string[]): Promise<void> => {
    const node = (await fs.lookup(fs.root, name)) ?? (await fs.create(fs.root, name, { mode: S_IFREG }));
    for (const each of short) await fs.setXattr(node, 'system.ntfs_dos_name', Buffer.from(each));
  };
  await set('A long name.text', 'ALONGN~1.TEX');
  await set('Short.txt', 'SHORT.TXT');
  await set('Changed once.text', 'FIRST~1.TEX', 'SECOND~1.TEX');
  await set('To itself', 'TOSELF~1', 'TOSELF~1');
  await set('Plain', 'OTHER~1', 'PLAIN');
  await set('gone', 'GONE~1');
  await fs.removeXattr((await fs.lookup(fs.root, 'gone'))!, 'system.ntfs_dos_name');
  await set('removed file', 'REMOVE~1');
  await fs.unlink(fs.root, 'removed file');
  expect(await fs.lookup(fs.root, 'REMOVE~1')).toBeUndefined();
  expect((await fs.lookup(fs.root, 'second~1.tex'))?.ino).toBe((await fs.lookup(fs.root, 'Changed once.text'))?.ino);
  expect(await fs.lookup(fs.root, 'FIRST~1.TEX')).toBeUndefined();
  const refused = [
    ['ALONGN~1.TEX', 'EEXIST'],
    ['short.txt', 'EEXIST'],
    ['TOO LONG', 'EINVAL'],
    ['a.b.c', 'EINVAL'],
  ] as const;
  for (const [short, code] of refused) await expect(set('new', short), short).rejects.toMatchObject({ code });
  await set('no:windows', '').catch(() => undefined);
  await expect(set('no:windows', 'NOWIN~1')).rejects.toMatchObject({ code: 'EINVAL' });
}

describe.runIf(requireTools('root', 'python3', 'mkntfs', 'ntfs-3g', 'ntfsfix'))(
  'extended attributes that we set',
  () => {
    const space = new NtfsWorkspace();
    afterAll(() => space.remove());

    it('are what ntfs-3g reads', async () => {
      const image = space.mkntfs('image', { size: 64 * MIB, cluster: 4096 });
      const { fs, close } = await openNtfs(image, { readonly: false });
      if (!supports(fs, 'write') || !supports(fs, 'xattr')) throw new Error('not writable');
      for (const [name, value] of Object.entries(VALUES)) {
        const node = await fs.create(fs.root, name.replace('system.', ''), { mode: S_IFREG });
        await fs.setXattr(node, name, value);
        expect(Buffer.from((await fs.getXattr(node, name)) ?? []).subarray(0, value.length), name).toEqual(value);
      }
      const times = await fs.create(fs.root, 'times', { mode: S_IFDIR });
      await fs.setXattr(
        times,
        'system.ntfs_times_be',
        hex('01d0112233445566 01d1112233445566 01d2112233445566 0000000000000000'),
      );
      const target = Buffer.from('\\??\\C:\\Target', 'utf16le');
      const header = Buffer.from(Uint16Array.of(0, target.length, target.length + 2, 0).buffer);
      const data = Buffer.concat([header, target, Buffer.alloc(4)]);
      const junction = await fs.create(fs.root, 'junction', { mode: S_IFDIR });
      await fs.setXattr(
        junction,
        'system.ntfs_reparse_data',
        Buffer.concat([hex('030000a0'), Buffer.from([data.length, 0, 0, 0]), data]),
      );
      const all = await fs.create(fs.root, 'all', { mode: S_IFREG });
      const own = hex('101112131415161718191a1b1c1d1e1f');
      for (const [name, value] of Object.entries(VALUES)) {
        await fs.setXattr(all, name, name === 'system.ntfs_object_id' ? own : value);
      }
      for (const name of ['user.stream', 'system.ntfs_object_id', 'system.ntfs_ea']) await fs.removeXattr(all, name);
      const wasJunction = await fs.create(fs.root, 'removed', { mode: S_IFDIR });
      await fs.setXattr(
        wasJunction,
        'system.ntfs_reparse_data',
        Buffer.concat([hex('030000a0'), Buffer.from([data.length, 0, 0, 0]), data]),
      );
      await fs.removeXattr(wasJunction, 'system.ntfs_reparse_data');
      await shortNames(fs);
      await close();
      expect(complaints(image)).toEqual([]);
      expect(await findingsIn(image)).toEqual([]);
      const theirs = await NtfsMount.with(image, ['ro'], (mount) => mount.tree(...NAMES));
      const read = await openNtfs(image);
      const ours = await treeOf(read.fs, ...NAMES);
      await read.close();
      // A junction leads through the mount point; directories are sized by chance.
      const skip = (path: string): boolean => path === 'junction';
      expect(describeDifferences(ours, theirs, { skip, fields: ['size', 'target'] })).toEqual([]);
      expect(theirs.find(({ path }) => path === 'junction')?.xattrs['system.ntfs_reparse_data']).toContain('030000a0');
      expect(theirs.find(({ path }) => path === 'ntfs_ea')?.xattrs['system.ntfs_ea']).toBe(
        VALUES['system.ntfs_ea']?.toString('hex'),
      );
    }, 60_000);
  },
);

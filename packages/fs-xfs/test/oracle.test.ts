import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { listHostTree, listTree, requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { xfsDriver } from '../src/index.js';
import { fill, makeVersion4, makeXfs, scratch, take, XFS_TOOLS } from './support.js';

describe.runIf(requireTools(...XFS_TOOLS, 'setfattr', 'setfacl'))('XFS of mkfs.xfs', () => {
  const { folder, remove } = scratch();
  afterAll(remove);

  it.each([
    ['version 4', []],
    ['version 4 without file types', ['-n', 'ftype=0', '-b', 'size=1024']],
    ['version 4 without regard to case', ['-n', 'version=ci']],
  ] as const)('%s: the tree is the one that it was made from', async (name, options) => {
    const tree = join(folder, 'tree');
    rmSync(tree, { recursive: true, force: true });
    for (let i = 0; i < 3000; i++) {
      mkdirSync(join(tree, 'many/short'), { recursive: true });
      writeFileSync(join(tree, 'many', `a-name-of-middling-length-${i}`), `${i}`.repeat(i % 7));
    }
    writeFileSync(join(tree, 'text'), 'text '.repeat(200_000));
    symlinkSync(`../${'l'.repeat(900)}`, join(tree, 'link'));
    const image = makeVersion4(folder, options, tree);
    await using fs = await xfsDriver.open(MemoryDevice.from(take(image)), { readonly: true });
    expect(await listTree(fs, { attributes: false })).toEqual(listHostTree(tree, { attributes: false }));
    const many = (await fs.lookup(fs.root, 'many'))!;
    expect(await fs.lookup(many, 'a-name-of-middling-length-1234')).toBeDefined();
    expect((await fs.lookup(many, 'A-NAME-of-middling-length-1234')) !== undefined).toBe(name.endsWith('case'));
  });

  it('large times, counts and nanoseconds', async () => {
    const image = makeXfs(folder, ['-m', 'bigtime=1'], '320M', (mount) => fill(mount, '2400-01-01T00:00:00Z'));
    await using fs = await xfsDriver.open(MemoryDevice.from(take(image)), { readonly: true });
    const stat = async (name: string) => fs.stat((await fs.lookup(fs.root, name))!);
    expect((await stat('random')).mtime).toEqual({ sec: Date.UTC(2400, 0, 1) / 1000, nsec: 0 });
    expect((await stat('text')).mtime).toEqual({ sec: Date.UTC(2020, 1, 29, 12, 34, 56) / 1000, nsec: 123_456_789 });
    expect((await stat('link')).mtime).toEqual({ sec: Date.UTC(1935, 1, 3, 4, 5, 6) / 1000, nsec: 789_000_000 });
  });

  it.runIf(requireTools('xfs_db', 'fallocate'))('a directory whose extents need a tree', async () => {
    let inode = 0;
    let listing: string[] = [];
    const image = makeXfs(folder, [], '320M', (mount) => {
      // Blocks of files between those of the directory keep its extents short.
      const make = `mkdir wide; for i in $(seq 1200); do fallocate -l 4096 "wide/$(printf 'n%.0s' $(seq 200)) $i"; done`;
      execFileSync('sh', ['-c', make], { cwd: mount, stdio: 'pipe' });
      inode = statSync(join(mount, 'wide')).ino;
      listing = listHostTree(mount, { attributes: false });
    });
    const told = execFileSync('xfs_db', ['-r', '-c', `inode ${inode}`, '-c', 'print core.format', image], {
      encoding: 'utf8',
    });
    expect(told).toContain('(btree)');
    await using fs = await xfsDriver.open(MemoryDevice.from(take(image)), { readonly: true });
    expect(await listTree(fs, { attributes: false })).toEqual(listing);
    const wide = (await fs.lookup(fs.root, 'wide'))!;
    expect(await fs.lookup(wide, `${'n'.repeat(200)} 777`)).toBeDefined();
    expect(await fs.lookup(wide, `${'n'.repeat(200)} 1201`)).toBeUndefined();
  });
});

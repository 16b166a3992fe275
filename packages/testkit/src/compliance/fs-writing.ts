import { deepStrictEqual, ok } from 'node:assert/strict';
import type { FileSystem, FsAbilities, FsNode } from '@vmcraft/core';
import { S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, supports } from '@vmcraft/core';
import { gather, pattern, rejectsWith, sameBytes } from '../expectations.js';
import { type FsDriverFixture, type FsTest, withFs } from './fs-fixture.js';

type WritableFileSystem = FileSystem & FsAbilities['write'];
type WriteTest = (name: string, body: (fs: WritableFileSystem, f: FsDriverFixture) => Promise<void>) => void;

/** The writing half of the file system suite; does nothing for drivers that do not declare `write`. */
export function fsWriting(test: FsTest): void {
  const write: WriteTest = (name, body) =>
    test(name, async (f) => {
      if (!f.abilities.includes('write')) return;
      await withFs(f, false, async (fs) => {
        ok(supports(fs, 'write'), 'writable');
        await body(fs, f);
      });
    });
  files(write);
  names(write);
  renames(write);
  kinds(write);
  xattrs(write);
  persistence(test);
}

const file = (fs: WritableFileSystem, dir: FsNode, name: string): Promise<FsNode> =>
  fs.create(dir, name, { mode: S_IFREG | 0o644 });
const folder = (fs: WritableFileSystem, dir: FsNode, name: string): Promise<FsNode> =>
  fs.create(dir, name, { mode: S_IFDIR | 0o755 });
const listing = async (fs: FileSystem, dir: FsNode): Promise<string[]> =>
  (await gather(fs.readdir(dir))).map((e) => e.name).sort();

function files(test: WriteTest): void {
  test('a file keeps what is written at any offset; gaps are zeros', async (fs) => {
    const node = await file(fs, fs.root, 'data');
    const expected = new Uint8Array(150_000);
    for (const [offset, length] of [
      [0, 10],
      [100_000, 50_000],
      [4090, 20],
      [65_530, 12],
    ] as const) {
      const data = pattern(length, offset + 1);
      expected.set(data, offset);
      await fs.write(node, offset, data);
    }
    sameBytes(await fs.read(node, 0, 200_000), expected, 'contents');
    deepStrictEqual((await fs.stat(node)).size, expected.length);
  });
  test('truncation cuts, and growing gives zeros', async (fs) => {
    const node = await file(fs, fs.root, 'cut');
    await fs.write(node, 0, pattern(10_000));
    await fs.truncate(node, 5000);
    await fs.truncate(node, 9000);
    const expected = new Uint8Array(9000);
    expected.set(pattern(10_000).subarray(0, 5000));
    sameBytes(await fs.read(node, 0, 20_000), expected, 'contents');
    await fs.truncate(node, 0);
    deepStrictEqual((await fs.stat(node)).size, 0);
  });
  test('a full device is ENOSPC, and what was there stays', async (fs, f) => {
    const keep = await file(fs, fs.root, 'keep');
    await fs.write(keep, 0, pattern(3000));
    const big = await file(fs, fs.root, 'big');
    const chunk = pattern(1 << 20, 3);
    await rejectsWith(async () => {
      for (let at = 0; at <= f.device.size; at += chunk.length) await fs.write(big, at, chunk);
      await fs.sync();
    }, ['ENOSPC', 'EFBIG']);
    await fs.unlink(fs.root, 'big');
    sameBytes(await fs.read(keep, 0, 3000), pattern(3000), 'the other file');
  });
}

function names(test: WriteTest): void {
  test('names are listed, found and removed', async (fs) => {
    const dir = await folder(fs, fs.root, 'dir');
    for (const name of ['b', 'a', 'Long name with spaces and ünïcödé.txt']) await file(fs, dir, name);
    deepStrictEqual(await listing(fs, dir), ['Long name with spaces and ünïcödé.txt', 'a', 'b']);
    ok((await fs.lookup(dir, 'a')) !== undefined, 'a is found');
    await fs.unlink(dir, 'a');
    deepStrictEqual(await fs.lookup(dir, 'a'), undefined);
  });
  test('a thousand names in one directory', async (fs) => {
    const dir = await folder(fs, fs.root, 'many');
    const wanted = Array.from({ length: 1000 }, (_, i) => `entry-${String(i).padStart(4, '0')}`);
    for (const name of wanted) await file(fs, dir, name);
    deepStrictEqual(await listing(fs, dir), wanted);
    for (const name of wanted) await fs.unlink(dir, name);
    deepStrictEqual(await listing(fs, dir), []);
    await fs.rmdir(fs.root, 'many');
  });
  test('the errors are those of POSIX', async (fs) => {
    const dir = await folder(fs, fs.root, 'dir');
    const node = await file(fs, dir, 'file');
    await rejectsWith(() => file(fs, dir, 'file'), ['EEXIST']);
    await rejectsWith(() => fs.unlink(dir, 'none'), ['ENOENT']);
    await rejectsWith(() => fs.unlink(fs.root, 'dir'), ['EISDIR', 'EPERM']);
    await rejectsWith(() => fs.rmdir(fs.root, 'dir'), ['ENOTEMPTY']);
    await rejectsWith(() => fs.rmdir(dir, 'file'), ['ENOTDIR']);
    await rejectsWith(() => fs.write(dir, 0, pattern(1)), ['EISDIR']);
    await rejectsWith(() => gather(fs.readdir(node)), ['ENOTDIR']);
    await rejectsWith(() => file(fs, dir, 'x'.repeat(300)), ['ENAMETOOLONG']);
  });
}

function renames(test: WriteTest): void {
  test('rename moves, replaces, and refuses what POSIX refuses', async (fs) => {
    const a = await folder(fs, fs.root, 'a');
    const b = await folder(fs, fs.root, 'b');
    const one = await file(fs, a, 'one');
    await fs.write(one, 0, pattern(100));
    await file(fs, b, 'two');
    await fs.rename(a, 'one', b, 'two');
    deepStrictEqual([await listing(fs, a), await listing(fs, b)], [[], ['two']]);
    const moved = await fs.lookup(b, 'two');
    ok(moved !== undefined, 'moved');
    sameBytes(await fs.read(moved, 0, 200), pattern(100), 'moved file');
    await rejectsWith(() => fs.rename(fs.root, 'a', a, 'inside'), ['EINVAL']);
    await rejectsWith(() => fs.rename(fs.root, 'a', fs.root, 'b'), ['ENOTEMPTY', 'EEXIST']);
    await fs.rename(fs.root, 'a', b, 'a');
    deepStrictEqual(await listing(fs, b), ['a', 'two']);
    deepStrictEqual(await listing(fs, fs.root).then((n) => n.includes('a')), false);
  });
}

function kinds(test: WriteTest): void {
  test('links, symbolic links, modes and owners are kept or refused, as declared', async (fs, f) => {
    const lacks = new Set(f.lacks ?? []);
    const node = await file(fs, fs.root, 'file');
    const check = async (what: 'links' | 'symlinks' | 'devices', action: () => Promise<unknown>): Promise<boolean> => {
      if (lacks.has(what)) await rejectsWith(action, ['ENOTSUP', 'EPERM']);
      else await action();
      return !lacks.has(what);
    };
    if (await check('links', () => fs.link(node, fs.root, 'hard'))) deepStrictEqual((await fs.stat(node)).nlink, 2);
    if (await check('symlinks', () => fs.create(fs.root, 'soft', { mode: S_IFLNK | 0o777, target: '/x/y' }))) {
      deepStrictEqual(await fs.readlink((await fs.lookup(fs.root, 'soft')) as FsNode), '/x/y');
    }
    await check('devices', () => fs.create(fs.root, 'fifo', { mode: S_IFIFO | 0o600 }));
    if (!lacks.has('owners')) {
      await fs.setattr(node, { uid: 70_000, gid: 1000 });
      const { uid, gid } = await fs.stat(node);
      deepStrictEqual([uid, gid], [70_000, 1000]);
    }
    if (!lacks.has('modes')) {
      await fs.setattr(node, { mode: 0o4751 });
      deepStrictEqual((await fs.stat(node)).mode, S_IFREG | 0o4751);
    }
  });
}

function xattrs(test: WriteTest): void {
  test('extended attributes are kept, listed and removed', async (fs, f) => {
    if (!f.abilities.includes('xattr')) return;
    ok(supports(fs, 'xattr'), 'xattr');
    const node = await file(fs, fs.root, 'file');
    await fs.setXattr(node, 'user.small', pattern(10));
    await fs.setXattr(node, 'user.larger', pattern(500, 2));
    await fs.setXattr(node, 'user.small', pattern(12, 3));
    deepStrictEqual([...(await fs.listXattr(node))].sort(), ['user.larger', 'user.small']);
    sameBytes((await fs.getXattr(node, 'user.small')) as Uint8Array, pattern(12, 3), 'user.small');
    sameBytes((await fs.getXattr(node, 'user.larger')) as Uint8Array, pattern(500, 2), 'user.larger');
    await fs.removeXattr(node, 'user.small');
    deepStrictEqual(await fs.getXattr(node, 'user.small'), undefined);
    await rejectsWith(() => fs.removeXattr(node, 'user.small'), ['ENODATA']);
  });
}

function persistence(test: FsTest): void {
  test('what was written is there after closing and opening again', async (f) => {
    if (!f.abilities.includes('write')) return;
    await withFs(f, false, async (fs) => {
      ok(supports(fs, 'write'), 'writable');
      const node = await file(fs, await folder(fs, fs.root, 'kept'), 'file');
      await fs.write(node, 0, pattern(70_000));
      await fs.setattr(node, { mtime: { sec: 1_600_000_000, nsec: 0 } });
    });
    await withFs(f, true, async (fs) => {
      const dir = await fs.lookup(fs.root, 'kept');
      const node = dir === undefined ? undefined : await fs.lookup(dir, 'file');
      ok(node !== undefined, 'the file is there');
      sameBytes(await fs.read(node, 0, 80_000), pattern(70_000), 'contents');
      deepStrictEqual((await fs.stat(node)).mtime.sec, 1_600_000_000);
    });
  });
}

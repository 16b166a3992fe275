import { encodeUtf16, viewOf } from '@vmcraft/core/binary';
import {
  type FsAbilities,
  type FsNode,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFSOCK,
} from '@vmcraft/core/contracts';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { ntfsDriver } from '../src/index.js';
import { ReparseTag } from '../src/layout-reparse.js';
import { decodeReparse, encodeLink, encodeReparse, linkTarget, unsupportedTag } from '../src/reparse.js';
import { at, contents, DIR, FILE, mkntfs, names, openWritable, pattern, type WritableFileSystem } from './support.js';

const MIB = 1024 * 1024;
const LINK = S_IFLNK | 0o777;

describe('reparse points', () => {
  const junction = (name: string): Uint8Array => {
    const text = encodeUtf16(name);
    const data = new Uint8Array(8 + text.length + 4);
    viewOf(data).setUint16(2, text.length, true);
    data.set(text, 8);
    return encodeReparse({ tag: ReparseTag.mountPoint, data });
  };

  it.each([
    ['\\??\\C:\\Users\\Public', '/Users/Public'],
    ['\\??\\C:', '/'],
    ['\\??\\Volume{01234567-89ab-cdef-0123-456789abcdef}\\', '/'],
    ['..\\x', '../x'],
  ])('a junction to %s is a link to %s', (name, target) => {
    expect(linkTarget(decodeReparse(junction(name)))).toBe(target);
  });

  it.each(['x', '../y/z', '/abs/olute', 'a b.c'])('%s becomes a link of Windows', (target) => {
    const point = decodeReparse(encodeReparse(encodeLink(target, 'windows')));
    expect([point.tag, linkTarget(point)]).toEqual([ReparseTag.symlink, target]);
  });

  it.each(['a:b', 'back\\slash', 'new\nline', ''])('%j, which Windows cannot say, becomes a link of WSL', (target) => {
    const point = decodeReparse(encodeReparse(encodeLink(target, 'windows')));
    expect([point.tag, linkTarget(point)]).toEqual([ReparseTag.lxSymlink, target]);
  });

  it('data that is elsewhere is a typed error', () => {
    for (const tag of [0x80000013, 0x9000001a, 0x9000701a, 0x9000f01a, 0xc0000004, 0x80000007]) {
      expect(unsupportedTag(tag)).toMatchObject({ code: 'VMC_UNSUPPORTED' });
    }
    expect(unsupportedTag(ReparseTag.wof)).toBeUndefined();
  });
});

describe.runIf(requireTools('mkntfs'))('names and contents', () => {
  it('finds names in any case, and prefers the exact one', async () => {
    const device = mkntfs(8 * MIB);
    const fs = await openWritable(device);
    const node = await fs.create(fs.root, 'Straße Ünï', { mode: FILE });
    expect((await fs.lookup(fs.root, 'STRAßE üNÏ'))?.ino).toBe(node.ino);
    await expect(fs.create(fs.root, 'STRAßE ÜNÏ', { mode: FILE })).rejects.toMatchObject({ code: 'EEXIST' });
    await fs.rename(fs.root, 'straße ünï', fs.root, 'STRAßE ünï');
    expect(await names(fs)).toEqual(['STRAßE ünï']);
    await fs.close();
  });

  it('refuses names with the option windows_names that Windows cannot use', async () => {
    const fs = await openWritable(mkntfs(8 * MIB), ['windows_names']);
    for (const name of ['a:b', 'what?', 'dot.', 'space ', 'CON', 'lpt1.txt']) {
      await expect(fs.create(fs.root, name, { mode: FILE }), name).rejects.toMatchObject({ code: 'EINVAL' });
    }
    await fs.create(fs.root, 'console', { mode: FILE });
    await fs.close();
  });

  it('keeps the files of the system out of reach', async () => {
    const fs = await openWritable(mkntfs(8 * MIB), ['show_sys_files']);
    expect(await names(fs)).toContain('$MFT');
    await expect(fs.unlink(fs.root, '$MFT')).rejects.toMatchObject({ code: 'EPERM' });
    await expect(fs.write(await at(fs, '$Bitmap'), 0, pattern(1))).rejects.toMatchObject({ code: 'EPERM' });
    await expect(fs.rename(fs.root, '$Secure', fs.root, 'x')).rejects.toMatchObject({ code: 'EPERM' });
    await expect(fs.create(await at(fs, '$Extend'), 'x', { mode: FILE })).rejects.toMatchObject({ code: 'EPERM' });
    await fs.close();
  });

  it.each(['windows', 'wsl', 'interix'])('makes links as the option special_files=%s says', async (kind) => {
    const device = mkntfs(8 * MIB);
    const fs = await openWritable(device, [`special_files=${kind}`]);
    for (const [i, target] of ['x', '../y', '/z', 'a:b'].entries())
      await fs.create(fs.root, `l${i}`, { mode: LINK, target });
    await fs.close();
    const again = await ntfsDriver.open(device, { readonly: true });
    for (const [i, target] of ['x', '../y', '/z', 'a:b'].entries()) {
      const node = await at(again, `l${i}`);
      expect(await again.readlink(node)).toBe(target);
      expect(await again.stat(node)).toMatchObject({ mode: LINK, size: target.length });
    }
  });

  it('keeps devices, FIFOs and sockets', async () => {
    const device = mkntfs(8 * MIB);
    const fs = await openWritable(device);
    const rdev = { major: 259, minor: 70_000 };
    for (const [name, type] of [
      ['c', S_IFCHR],
      ['b', S_IFBLK],
      ['p', S_IFIFO],
      ['s', S_IFSOCK],
    ] as const) {
      const node = await fs.create(fs.root, name, { mode: type | 0o600, rdev });
      const stat = await fs.stat(node);
      expect(stat.mode & S_IFMT).toBe(type);
      if (name === 'c' || name === 'b') expect(stat.rdev).toEqual(rdev);
    }
    await fs.close();
  });

  it('an object keeps its node when it is renamed, and loses it when it is deleted', async () => {
    const fs = await openWritable(mkntfs(8 * MIB));
    const dir = await fs.create(fs.root, 'd', { mode: DIR });
    const node = await fs.create(fs.root, 'f', { mode: FILE });
    await fs.write(node, 0, pattern(2000));
    await fs.rename(fs.root, 'f', dir, 'g');
    expect(await contents(fs, node)).toEqual(pattern(2000));
    await fs.unlink(dir, 'g');
    await expect(fs.stat(node)).rejects.toMatchObject({ code: 'ENOENT' });
    const other = await fs.create(fs.root, 'f', { mode: FILE });
    expect(other.ino).toBe(node.ino);
    await expect(fs.write(node, 0, pattern(1))).rejects.toMatchObject({ code: 'ENOENT' });
    await fs.close();
  });

  it('lists a directory that changes meanwhile, each name once', async () => {
    const fs = await openWritable(mkntfs(16 * MIB));
    const dir = await fs.create(fs.root, 'd', { mode: DIR });
    for (let i = 0; i < 900; i++) await fs.create(dir, `name ${String(i).padStart(4, '0')}`, { mode: FILE });
    const seen: string[] = [];
    for await (const { name } of fs.readdir(dir)) {
      seen.push(name);
      await fs.unlink(dir, name);
    }
    expect(seen).toHaveLength(900);
    expect(new Set(seen).size).toBe(900);
    expect(await names(fs, dir)).toEqual([]);
    await fs.close();
  });

  it('sets label and serial number', async () => {
    const device = mkntfs(8 * MIB, ['-L', 'before']);
    const fs = await openWritable(device);
    await (fs as unknown as { setLabel(l: string): Promise<void> }).setLabel('Näme');
    await (fs as unknown as { setUuid(l: string): Promise<void> }).setUuid('0123456789abcdef');
    await fs.close();
    expect(await ntfsDriver.probe(device)).toMatchObject({ label: 'Näme', uuid: '0123456789ABCDEF' });
  });
});

describe.runIf(requireTools('mkntfs'))('holes', () => {
  it('are listed, made and filled', async () => {
    const device = mkntfs(16 * MIB, ['-c', '4096']);
    const fs = (await openWritable(device)) as WritableFileSystem & FsAbilities['sparse'];
    const kinds = async (node: FsNode): Promise<string> => {
      let out = '';
      let end = 0;
      for await (const run of fs.extents(node)) {
        expect(run.offset).toBe(end);
        end += run.length;
        out += `${run.kind}:${run.length} `;
      }
      expect(end).toBe((await fs.stat(node)).size);
      return out.trim();
    };
    const node = await fs.create(fs.root, 'f', { mode: FILE });
    const expected = pattern(40_000);
    await fs.write(node, 0, expected);
    expect(await kinds(node)).toBe('data:40000');
    await fs.punchHole(node, 5000, 20_000);
    expected.fill(0, 5000, 25_000);
    expect(await kinds(node)).toBe('data:8192 hole:16384 data:15424');
    expect(await contents(fs, node)).toEqual(expected);
    expect((await fs.stat(node)).blocks).toBe(6 * 8);
    await fs.allocate(node, 10_000, 50_000);
    expect((await fs.stat(node)).size).toBe(60_000);
    expect(await kinds(node)).toMatch(/^data:(8192 data:16384 data:15424|40000) unwritten:20000$/);
    const grown = new Uint8Array(60_000);
    grown.set(expected);
    expect(await contents(fs, node)).toEqual(grown);
    await fs.write(node, 55_000, pattern(10, 3));
    grown.set(pattern(10, 3), 55_000);
    expect(await contents(fs, node)).toEqual(grown);
    await fs.punchHole(node, 0, 100_000);
    expect(await contents(fs, node)).toEqual(new Uint8Array(60_000));
    expect((await fs.stat(node)).blocks).toBe(0);
    await fs.close();
    const again = await ntfsDriver.open(device, { readonly: true });
    expect(await contents(again, await at(again, 'f'))).toEqual(new Uint8Array(60_000));
  });
});

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { supports } from '@vmcraft/core/contracts';
import { listHostTree, listTree, requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { squashfsDriver } from '../src/index.js';
import { makeTree, pack, scratch } from './support.js';

const KINDS = [
  ['gzip', ['-comp', 'gzip']],
  ['xz', ['-comp', 'xz', '-b', '256K']],
  ['xz with a filter', ['-comp', 'xz', '-Xbcj', 'x86']],
  ['lzo', ['-comp', 'lzo']],
  ['lz4', ['-comp', 'lz4', '-Xhc']],
  ['zstd', ['-comp', 'zstd', '-b', '1M']],
  ['nothing packed', ['-noI', '-noD', '-noF', '-noX']],
  ['small blocks', ['-b', '4K']],
  ['no fragments', ['-no-fragments']],
  ['fragments always', ['-always-use-fragments']],
  ['no export table', ['-no-exports', '-no-duplicates']],
] as const;

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

const WITH_LINKS = { links: true };

describe.runIf(requireTools('mksquashfs', 'setfattr', 'root'))('images of mksquashfs', () => {
  const { folder, remove } = scratch();
  let tree: string;
  let theirs: string[];
  beforeAll(() => {
    tree = makeTree(folder);
    theirs = listHostTree(tree, WITH_LINKS);
  });
  afterAll(remove);

  it.each(KINDS)('%s: the tree is the one it was made from', async (_name, options) => {
    const device = MemoryDevice.from(pack(folder, tree, options));
    await using fs = await squashfsDriver.open(device, { readonly: true });
    expect(await listTree(fs, WITH_LINKS)).toEqual(theirs);
    expect(theirs.length).toBeGreaterThan(3000);
    expect((await fs.stat((await fs.lookup(fs.root, 'hole'))!)).blocks).toBeLessThan(16);
  });

  it('looks names up through the index of a directory', async () => {
    await using fs = await squashfsDriver.open(MemoryDevice.from(pack(folder, tree, [])), { readonly: true });
    const many = (await fs.lookup(fs.root, 'many'))!;
    for (const name of readdirSync(join(tree, 'many'))) expect(await fs.lookup(many, name), name).toBeDefined();
    for (const name of ['a', 'a name 1', 'a name 30000', 'z'])
      expect(await fs.lookup(many, name), name).toBeUndefined();
  });

  it('extended attributes as getfattr shows them, values that are shared included', async () => {
    await using fs = await squashfsDriver.open(MemoryDevice.from(pack(folder, tree, [])), { readonly: true });
    if (!supports(fs, 'xattr')) return expect.unreachable();
    for (const name of ['text', 'random', 'deep', 'empty']) {
      const node = (await fs.lookup(fs.root, name))!;
      const shown = execFileSync('getfattr', ['-d', '-m', '-', '-e', 'hex', join(tree, name)], { encoding: 'utf8' });
      const wanted = [...shown.matchAll(/^([^#=\n]+)=0x(.*)$/gm)].map(([, key, value]) => `${key}=${value}`).sort();
      const found: string[] = [];
      for (const key of await fs.listXattr(node)) {
        found.push(`${key}=${Buffer.from((await fs.getXattr(node, key))!).toString('hex')}`);
      }
      expect(found.sort(), name).toEqual(wanted);
    }
  });

  it('reads pieces of a file in any order, several at once', async () => {
    await using fs = await squashfsDriver.open(MemoryDevice.from(pack(folder, tree, ['-b', '4K'])), { readonly: true });
    const node = (await fs.lookup(fs.root, 'random'))!;
    const whole = readFileSync(join(tree, 'random'));
    const offsets = Array.from({ length: 60 }, (_, i) => (i * 7919 * 31) % whole.length);
    const parts = await Promise.all(offsets.map((offset) => fs.read(node, offset, 9000)));
    for (const [i, offset] of offsets.entries()) {
      expect(sha256(parts[i]!), String(offset)).toBe(sha256(whole.subarray(offset, offset + 9000)));
    }
  });

  it('names a compression that it does not have', async () => {
    const image = pack(folder, tree, []);
    new DataView(image.buffer).setUint16(20, 2, true);
    await expect(squashfsDriver.open(MemoryDevice.from(image), { readonly: true })).rejects.toMatchObject({
      code: 'VMC_UNSUPPORTED',
      message: /lzma/,
    });
  });
});

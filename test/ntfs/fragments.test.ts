import { S_IFREG } from '@vmcraft/core/contracts';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { NtfsMount } from './ntfs-mount.js';
import type { Writable } from './random-changes.js';
import { describeDifferences, type TreeEntry, treeOf } from './tree.js';
import { complaints, findingsIn, NtfsWorkspace, openNtfs, type VolumeShape } from './workspace.js';

const MIB = 1024 * 1024;
const tools = requireTools('root', 'python3', 'mkntfs', 'ntfs-3g', 'ntfsfix', 'ntfsinfo', 'ntfscluster');
const isFile = ({ mode }: TreeEntry): boolean => (mode & 0o170000) === 0o100000;

async function expectSame(image: string): Promise<TreeEntry[]> {
  expect(complaints(image)).toEqual([]);
  expect(await findingsIn(image)).toEqual([]);
  const { fs, close } = await openNtfs(image);
  const ours = await treeOf(fs);
  await close();
  const mount = await NtfsMount.open(image, 'ro');
  const theirs = mount.tree();
  await mount.close();
  expect(describeDifferences(ours.filter(isFile), theirs.filter(isFile))).toEqual([]);
  return ours;
}

describe.runIf(tools)('attributes that leave their record', () => {
  const space = new NtfsWorkspace();
  afterAll(() => space.remove());

  it('spreads a file of thousands of fragments over extension records, cuts it and deletes it', async () => {
    const image = space.mkntfs('image', { size: 40 * MIB, cluster: 512 });
    const { fs, close } = await openNtfs(image, { readonly: false });
    const w = fs as Writable;
    const filler = await w.create(w.root, 'filler', { mode: S_IFREG });
    const comb = await w.create(w.root, 'comb', { mode: S_IFREG });
    const one = new Uint8Array(512).fill(1);
    // Two files that grow in turns lie in each other's way.
    for (let i = 0; i < 6000; i++) {
      await w.write(comb, i * 512, one.fill(i & 0xff));
      await w.write(filler, i * 512, one);
    }
    await w.unlink(w.root, 'filler');
    await close();
    const first = await expectSame(image);
    expect(first.find(({ path }) => path === 'comb')?.size).toBe(6000 * 512);
    const again = await openNtfs(image, { readonly: false });
    const node = (await again.fs.lookup(again.fs.root, 'comb'))!;
    const writable = again.fs as Writable;
    for (let i = 5999; i >= 3000; i -= 500) await writable.truncate(node, i * 512 + 7);
    await again.close();
    await expectSame(image);
    const last = await openNtfs(image, { readonly: false });
    const before = (await last.fs.statfs()).blocksFree;
    await (last.fs as Writable).unlink(last.fs.root, 'comb');
    expect((await last.fs.statfs()).blocksFree).toBeGreaterThan(before + 2900);
    await last.close();
    await expectSame(image);
  }, 120_000);

  it.each<VolumeShape>([
    { size: 32 * MIB, cluster: 1024 },
    { size: 64 * MIB, cluster: 4096, sector: 4096 },
  ])(
    'keeps hundreds of links and streams of one file (clusters of $cluster)',
    async (shape) => {
      const image = space.mkntfs('image', shape);
      const { fs, close } = await openNtfs(image, { readonly: false });
      const w = fs as Writable;
      const node = await w.create(w.root, 'original', { mode: S_IFREG });
      await w.write(node, 0, new Uint8Array(100).fill(7));
      for (let i = 0; i < 300; i++) {
        await w.link(node, w.root, `link ${i} ${'long'.repeat(i % 60)}`);
        if (i % 3 === 0) await w.setXattr(node, `user.stream${i}`, new Uint8Array(i * 3).fill(i));
      }
      await close();
      const all = await expectSame(image);
      expect(all.filter(({ nlink }) => nlink === 301)).toHaveLength(301);
      const again = await openNtfs(image, { readonly: false });
      const writable = again.fs as Writable;
      for (let i = 0; i < 300; i++) {
        await writable.unlink(again.fs.root, `link ${i} ${'long'.repeat(i % 60)}`);
        if (i % 3 === 0)
          await writable.removeXattr(node2(await again.fs.lookup(again.fs.root, 'original')), `user.stream${i}`);
      }
      await again.close();
      const left = await expectSame(image);
      expect(left.filter(isFile)).toHaveLength(1);
      expect(left.find(isFile)).toMatchObject({ nlink: 1, size: 100, xattrs: {} });
    },
    120_000,
  );

  it('rewrites compressed files plain', async () => {
    const image = space.mkntfs('image', { size: 96 * MIB, cluster: 4096 });
    const filled = await NtfsMount.open(image, 'compression');
    filled.run('fill', '4096');
    await filled.close();
    const { fs, close } = await openNtfs(image, { readonly: false });
    const w = fs as Writable;
    const dir = (await w.lookup(w.root, 'compressed'))!;
    const expected = new Map<string, Uint8Array>();
    for await (const { name, node } of w.readdir(dir)) {
      const { size } = await w.stat(node);
      const data = new Uint8Array(size + 3);
      data.set(await w.read(node, 0, size));
      data.set([1, 2, 3], size);
      await w.write(node, size, data.subarray(size));
      expected.set(name, data);
    }
    for (const [name, data] of expected) {
      const node = (await w.lookup(dir, name))!;
      expect(Buffer.compare(await w.read(node, 0, data.length + 9), data), name).toBe(0);
    }
    await close();
    expect(expected.size).toBeGreaterThan(50);
    await expectSame(image);
  }, 120_000);
});

function node2<T>(node: T | undefined): T {
  if (node === undefined) throw new Error('it is lost');
  return node;
}

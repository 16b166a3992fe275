import { truncate } from 'node:fs/promises';
import { type FileSystem, type ResizableFs, supports } from '@vmcraft/core/contracts';
import { extDriver } from '@vmcraft/fs-ext';
import { requireTools } from '@vmcraft/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { e2fsckComplaints, ImageDevice, Workspace } from './image.js';
import { KernelMount } from './kernel-mount.js';
import { describeDifferences, type TreeEntry } from './tree.js';

const MIB = 1024 * 1024;
const SETS: readonly (readonly [string, readonly string[]])[] = [
  ['ext2', ['-t', 'ext2']],
  ['ext3, 4 KiB blocks', ['-t', 'ext3', '-b', '4096']],
  ['ext4', ['-t', 'ext4']],
  ['ext4, 4 KiB blocks', ['-t', 'ext4', '-b', '4096']],
  ['meta_bg', ['-t', 'ext4', '-O', 'meta_bg,^resize_inode', '-b', '1024', '-g', '1024']],
  ['no resize_inode', ['-t', 'ext4', '-O', '^resize_inode', '-b', '1024']],
  ['no flex_bg, uninit_bg', ['-t', 'ext4', '-O', '^flex_bg,^metadata_csum,uninit_bg', '-b', '1024']],
  ['bigalloc', ['-t', 'ext4', '-O', 'bigalloc', '-b', '1024', '-C', '4096']],
  ['few reserved descriptor blocks', ['-t', 'ext4', '-b', '1024', '-E', 'resize=100000']],
  ['few reserved, 32 bits, no flex_bg', ['-t', 'ext3', '-b', '1024', '-E', 'resize=100000']],
  ['few reserved, bigalloc', ['-t', 'ext4', '-O', 'bigalloc', '-b', '1024', '-C', '4096', '-E', 'resize=100000']],
  ['sparse_super2', ['-t', 'ext4', '-O', 'sparse_super2', '-b', '1024']],
];

async function withFs<T>(image: string, work: (fs: FileSystem & ResizableFs) => Promise<T>): Promise<T> {
  const device = await ImageDevice.open(image);
  const fs = await extDriver().open(device, { readonly: false });
  if (!supports(fs, 'resize')) throw new Error('no resize');
  try {
    return await work(fs);
  } finally {
    await fs.close();
    await device.close();
  }
}

async function kernelTree(image: string): Promise<TreeEntry[]> {
  const kernel = KernelMount.open(image);
  const tree = await kernel.tree();
  await kernel.close();
  return tree;
}

describe.runIf(requireTools('root', 'python3', 'mke2fs', 'e2fsck', 'mount'))(
  'resize, judged by e2fsck and the kernel',
  () => {
    let space: Workspace;
    beforeEach(() => {
      space = new Workspace();
    });
    afterEach(() => space.remove());

    for (const [name, args] of SETS) {
      it(`grows in steps, keeps everything, and shrinks back: ${name}`, async () => {
        const image = await space.mke2fs('grow.img', 40, args);
        const kernel = KernelMount.open(image);
        await kernel.apply({ op: 'bulkCreate', path: '', prefix: 'before-', first: 0, count: 300 });
        await kernel.apply({ op: 'write', path: 'before-7', offset: 0, length: 1_500_000, seed: 5 });
        await kernel.close();
        const before = await kernelTree(image);
        for (const size of [41.3, 57, 400, 900]) {
          await truncate(image, Math.floor(size * MIB));
          await withFs(image, (fs) => fs.resize(Math.floor(size * MIB)));
          expect([size, e2fsckComplaints(image)]).toEqual([size, undefined]);
          expect(describeDifferences(await kernelTree(image), before, new Set())).toEqual([]);
        }
        const full = KernelMount.open(image);
        await full.apply({ op: 'create', path: 'large', mode: 0o644 });
        for (let i = 0; i < 40; i++)
          await full.apply({ op: 'write', path: 'large', offset: i * 1_900_000, length: 1_900_000, seed: i });
        expect((await full.tree()).find((e) => e.path === 'large')?.size).toBe(40 * 1_900_000);
        await full.apply({ op: 'unlink', path: 'large' });
        await full.close();
        expect(e2fsckComplaints(image)).toBeUndefined();
        await withFs(image, async (fs) => {
          const least = await fs.minimumSize();
          expect(least).toBeLessThan(450 * MIB);
          await fs.resize(least);
          expect((await fs.statfs()).blocks * (await fs.statfs()).blockSize).toBeLessThanOrEqual(least);
        });
        expect(e2fsckComplaints(image)).toBeUndefined();
        expect(describeDifferences(await kernelTree(image), before, new Set())).toEqual([]);
      });
    }

    it('refuses to lose data and to outgrow the device, leaving the file system as it was', async () => {
      const image = await space.mke2fs('refuse.img', 64, ['-t', 'ext4']);
      await withFs(image, async (fs) => {
        await expect(fs.resize(65 * MIB)).rejects.toMatchObject({ code: 'EINVAL' });
        await expect(fs.resize(2 * MIB)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED' });
      });
      expect(e2fsckComplaints(image)).toBeUndefined();
    });
  },
);

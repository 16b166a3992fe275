import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { pattern, requireTools } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { squashfsDriver } from '../src/index.js';
import { pack, scratch, writeFiles } from './support.js';

describe.runIf(requireTools('mksquashfs'))('damaged images', () => {
  let good: Uint8Array;
  beforeAll(() => {
    const { folder, remove } = scratch();
    writeFiles(join(folder, 'tree'), { file: pattern(50_000) });
    good = pack(folder, join(folder, 'tree'), ['-noI', '-noD', '-no-fragments']);
    remove();
  });

  const damaged = (change: (view: DataView, data: Uint8Array) => void): MemoryDevice => {
    const data = good.slice();
    change(new DataView(data.buffer), data);
    return MemoryDevice.from(data);
  };
  const open = (device: MemoryDevice) => squashfsDriver.open(device, { readonly: true });

  it('an image that was cut', async () => {
    await expect(open(MemoryDevice.from(good.slice(0, 5000)))).rejects.toMatchObject({ code: 'VMC_TRUNCATED' });
  });

  it.each([
    ['a block size that is no power of two', (view: DataView) => view.setUint32(12, 100_000, true), 'VMC_CORRUPT'],
    ['version 3', (view: DataView) => view.setUint16(28, 3, true), 'VMC_UNSUPPORTED'],
    ['a root outside', (view: DataView) => view.setBigUint64(32, 0x7fff_ffff_0000n, true), 'VMC_CORRUPT'],
    ['an unknown compression', (view: DataView) => view.setUint16(20, 9, true), 'VMC_UNSUPPORTED'],
  ])('%s', async (_name, change, code) => {
    await expect(open(damaged(change))).rejects.toMatchObject({ code });
  });

  it('an inode of no type, and a metadata block of no bytes', async () => {
    const inodes = Number(new DataView(good.buffer).getBigUint64(64, true));
    await using fs = await open(damaged((view) => view.setUint16(inodes + 2, 77, true)));
    await expect(fs.lookup(fs.root, 'file')).rejects.toMatchObject({ code: 'VMC_CORRUPT', data: { field: 'type' } });
    await expect(open(damaged((view) => view.setUint16(inodes, 0, true)))).rejects.toMatchObject({
      code: 'VMC_CORRUPT',
    });
  });

  it('a file whose block is larger than blocks are', async () => {
    const inodes = Number(new DataView(good.buffer).getBigUint64(64, true));
    const sizes = inodes + 2 + 16 + 16;
    await using fs = await open(damaged((view) => view.setUint32(sizes, 0x00ff_ffff, true)));
    const node = (await fs.lookup(fs.root, 'file'))!;
    await expect(fs.read(node, 0, 10)).rejects.toMatchObject({ code: 'VMC_CORRUPT', data: { field: 'size' } });
  });
});

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { isVmcraftError } from '@vmcraft/core/errors';
import { fsDriverCompliance, pattern, requireTools } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { xfsDriver } from '../src/index.js';
import { makeXfs, scratch, take, XFS_TOOLS } from './support.js';

const FILES = { 'a/b/deep.bin': pattern(70_001), 'hello.txt': pattern(13, 2), empty: new Uint8Array() };
/** mkfs.xfs makes nothing below 300 MB unless told that it is for tests. */
const SMALL = ['--unsupported'];

describe.runIf(requireTools(...XFS_TOOLS))('fs-xfs', () => {
  let good: Uint8Array;
  beforeAll(() => {
    const { folder, remove } = scratch();
    const image = makeXfs(folder, SMALL, '20M', (mount) => {
      execFileSync('mkdir', ['-p', join(mount, 'a/b')]);
      for (const [path, data] of Object.entries(FILES)) writeFileSync(join(mount, path), data);
    });
    good = take(image);
    remove();
  });

  fsDriverCompliance(
    { describe, it },
    {
      name: 'xfs',
      create: async () => ({
        driver: xfsDriver,
        device: MemoryDevice.from(good.slice()),
        type: 'xfs',
        abilities: [],
        files: FILES,
      }),
    },
  );

  const damaged = (change: (view: DataView) => void): MemoryDevice => {
    const data = good.slice();
    change(new DataView(data.buffer));
    return MemoryDevice.from(data);
  };
  const open = (device: MemoryDevice) => xfsDriver.open(device, { readonly: true });

  it.each([
    [
      'one flipped bit of the superblock',
      (view: DataView) => view.setUint8(109, view.getUint8(109) ^ 1),
      'VMC_CORRUPT',
    ],
    ['version 7', (view: DataView) => view.setUint16(100, 0xb4a7), 'VMC_UNSUPPORTED'],
    ['a block size that cannot be', (view: DataView) => view.setUint32(4, 5000), 'VMC_CORRUPT'],
    ['more blocks than there are', (view: DataView) => view.setBigUint64(8, 1n << 40n), 'VMC_TRUNCATED'],
  ])('%s', async (_name, change, code) => {
    await expect(open(damaged(change))).rejects.toMatchObject({ code });
  });

  it('features that are not known are refused by name', async () => {
    const { crc32c } = await import('@vmcraft/core/binary');
    const device = damaged((view) => {
      view.setUint32(216, view.getUint32(216) | 0x4000_0000);
      view.setUint32(224, 0);
      view.setUint32(224, crc32c(new Uint8Array(view.buffer, 0, view.getUint16(102))), true);
    });
    await expect(open(device)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED', message: /0x40000000/ });
  });

  it('every flipped bit of an inode or a directory block is noticed', async () => {
    const view = new DataView(good.buffer);
    const places: number[] = [];
    for (let at = 0; at + 512 <= good.length; at += 512) {
      if (view.getUint16(at) === 0x494e && view.getUint16(at + 2) !== 0) places.push(at);
    }
    expect(places.length).toBeGreaterThanOrEqual(6);
    const root = view.getBigUint64(56);
    for (const at of places) {
      // An inode's own number tells whether it is one of the tree, and not of the file system's own.
      const ino = view.getBigUint64(at + 152);
      if (ino < root || (ino > root && ino <= root + 2n)) continue;
      const device = damaged((v) => v.setUint8(at + 40, v.getUint8(at + 40) ^ 0x10));
      const look = async (): Promise<void> => {
        await using fs = await open(device);
        for (const path of ['a/b/deep.bin', 'hello.txt', 'empty']) {
          let node = fs.root;
          for (const name of path.split('/')) node = (await fs.lookup(node, name))!;
          await fs.stat(node);
        }
      };
      await expect(look(), `inode ${ino}`).rejects.toSatisfy(
        (error) => isVmcraftError(error) && error.code === 'VMC_CORRUPT',
      );
    }
  });
});

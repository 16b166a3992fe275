import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FsNode, isVmcraftError, MemoryDevice } from '@vmcraft/core';
import { type FsDriverFixture, fsDriverCompliance, gather, pattern, requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { RomFsDriver } from '../src/index.js';

const FILES = { 'a/b/deep.bin': pattern(70_001), 'hello.txt': pattern(13, 2), empty: new Uint8Array() };

/** An image made by genromfs(8). */
function image(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  for (const [path, data] of Object.entries(FILES)) writeFileSync(join(tree, path), data);
  symlinkSync('a/b/deep.bin', join(tree, 'link'));
  linkSync(join(tree, 'hello.txt'), join(tree, 'second-name'));
  execFileSync('genromfs', ['-f', join(folder, 'img'), '-d', tree, '-V', 'example']);
  const data = readFileSync(join(folder, 'img'));
  rmSync(folder, { recursive: true });
  return data;
}

describe.runIf(requireTools('genromfs'))('romfs', () => {
  const create = async (): Promise<FsDriverFixture> => ({
    driver: new RomFsDriver(),
    device: MemoryDevice.from(image()),
    type: 'romfs',
    abilities: [],
    files: FILES,
  });
  fsDriverCompliance({ describe, it }, { name: 'romfs', create });

  it('reads links, and the second name of a file', async () => {
    const fs = await new RomFsDriver().open(MemoryDevice.from(image()));
    expect((await gather(fs.readdir(fs.root))).map((e) => `${e.name} ${e.type}`).sort()).toEqual([
      'a d',
      'empty r',
      'hello.txt r',
      'link l',
      'second-name r',
    ]);
    expect(await fs.readlink((await fs.lookup(fs.root, 'link')) as FsNode)).toBe('a/b/deep.bin');
    expect((await fs.lookup(fs.root, 'second-name'))?.ino).toBe((await fs.lookup(fs.root, 'hello.txt'))?.ino);
    await fs.close();
  });

  it('gives a value or a typed error for every damaged image', async () => {
    const good = image();
    for (let seed = 1; seed <= 2000; seed++) {
      const bad = good.slice(0, seed % 5 === 0 ? (seed * 131) % good.length : good.length);
      const noise = pattern(12, seed);
      for (let i = 0; i < 3; i++) {
        const at =
          ((noise[i * 4] as number) * 65536 + (noise[i * 4 + 1] as number) * 256 + (noise[i * 4 + 2] as number)) %
          Math.min(bad.length || 1, 2048);
        bad[at] = noise[i * 4 + 3] as number;
      }
      try {
        const fs = await new RomFsDriver().open(MemoryDevice.from(bad));
        for (const entry of await gather(fs.readdir(fs.root))) {
          if (entry.type === 'r') await fs.read(entry.node, 0, 1 << 20);
        }
      } catch (error) {
        expect(isVmcraftError(error), String(error)).toBe(true);
      }
    }
  });
});

import { describe, expect, it } from 'vitest';
import { xfsDriver } from '../src/index.js';
import { deviceOf, KINDS, linesOf, seenOf } from './fixtures.js';

const tree = linesOf('tree.txt').sort();
const attributes = linesOf('attributes.txt').sort();

describe('XFS of mkfs.xfs that the kernel filled', () => {
  it.each(Object.keys(KINDS))('%s: tree and attributes are those that the kernel showed', async (name) => {
    expect(await seenOf(await deviceOf(name))).toEqual({ tree, attributes });
  });

  it.each(Object.keys(KINDS))(
    '%s: every name is found through the hash index, and none that is not there',
    async (name) => {
      await using fs = await xfsDriver.open(await deviceOf(name), { readonly: true });
      for (const path of ['short', 'block', 'leaf', 'node']) {
        const dir = (await fs.lookup(fs.root, path))!;
        for await (const entry of fs.readdir(dir)) {
          expect((await fs.lookup(dir, entry.name))?.ino, `${path}/${entry.name}`).toBe(entry.node.ino);
        }
        expect(await fs.lookup(dir, 'a rather long name in a large directory, number 1')).toBeUndefined();
        expect(await fs.lookup(dir, 'x')).toBeUndefined();
      }
    },
  );

  it.each(linesOf('statvfs.tsv').map((line) => line.split('\t')))(
    '%s: sizes are those of statvfs(3)',
    async (...facts) => {
      const [name = '', ...numbers] = facts;
      await using fs = await xfsDriver.open(await deviceOf(name), { readonly: true });
      const { blockSize, blocks, blocksFree } = await fs.statfs();
      const [size, all, free = 0] = numbers.map(Number);
      expect([blockSize, blocks]).toEqual([size, all]);
      // The kernel keeps some blocks of each allocation group back, the more the newer it is.
      expect(blocksFree).toBeGreaterThanOrEqual(free);
      expect(blocksFree - free).toBeLessThan(blocks / 100);
    },
  );
});

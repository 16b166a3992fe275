import { describe, expect, it } from 'vitest';
import { devicesOf, KINDS, linesOf, openFirst, seenOf } from './fixtures.js';

const tree = linesOf('tree.txt');
const attributes = linesOf('attributes.txt');

describe('Btrfs of mkfs.btrfs that the kernel filled', () => {
  it.each(Object.keys(KINDS))('%s: tree and attributes are those that the kernel showed', async (name) => {
    const devices = await devicesOf(name);
    expect(await seenOf(devices)).toEqual({ tree, attributes });
    if (devices.length > 1 && name !== 'sprout')
      expect(await seenOf([...devices].reverse())).toEqual({ tree, attributes });
  });

  const several = Object.entries(KINDS).filter(([name, { devices }]) => devices > 1 && name !== 'sprout');
  it.each(several)(
    '%s: with as many devices missing as its profile bears, and not with one more',
    async (name, kind) => {
      const devices = await devicesOf(name);
      const spare = kind.spare ?? 0;
      if (spare > 0) {
        expect((await seenOf(devices.slice(spare))).tree).toEqual(tree);
        expect((await seenOf(devices.slice(0, -spare))).tree).toEqual(tree);
        const warnings: string[] = [];
        await using _fs = await openFirst(devices.slice(spare), warnings);
        expect(warnings.join('\n')).toMatch(/devid 1 \([0-9a-f-]{36}\) is missing/);
      }
      // Two of four devices of RAID 10 may be two of different pairs.
      const few = devices.slice(spare + (name === 'raid10' ? 2 : 1));
      if (few.length > 0) await expect(seenOf(few)).rejects.toThrow(/devid \d+ \([0-9a-f-]{36}\) is missing/);
    },
  );

  it.each(linesOf('statvfs.tsv').map((line) => line.split('\t')))(
    '%s: sizes are those of statvfs(3)',
    async (...facts) => {
      const [name = '', ...numbers] = facts;
      await using fs = await openFirst(await devicesOf(name));
      const { blockSize, blocks, blocksFree, blocksAvailable } = await fs.statfs();
      const [size, all, free = 0, available] = numbers.map(Number);
      expect([blockSize, blocks, blocksAvailable]).toEqual([size, all, available]);
      // What is kept back for metadata depends on the kernel where there is no tree of free space.
      if (name === 'nodes-64k') expect(Math.abs(blocksFree - free)).toBeLessThan(blocks / 50);
      else expect(blocksFree).toBe(free);
    },
  );
});

describe('a log tree', () => {
  it('is replayed: what is read is what the kernel recovered', async () => {
    const devices = await devicesOf('logged');
    expect(await seenOf(devices)).toEqual({
      tree: linesOf('logged-tree.txt'),
      attributes: linesOf('logged-attributes.txt'),
    });
    await using fs = await openFirst(devices);
    for (const line of linesOf('logged-blocks.txt')) {
      const [path = '', blocks] = line.split(' ');
      let node = fs.root;
      for (const name of path.split('/')) node = (await fs.lookup(node, name))!;
      expect((await fs.stat(node)).blocks, path).toBe(Number(blocks));
    }
    expect(linesOf('logged-tree.txt').filter((line) => !tree.includes(line)).length).toBeGreaterThan(8);
  });
});

describe('a seed device', () => {
  it('is needed by what grew from it, and the error names it', async () => {
    const [grown, seed] = await devicesOf('sprout');
    await expect(seenOf([grown!])).rejects.toThrow(/devid 1 \([0-9a-f-]{36}\) is missing/);
    // By itself it is as it was.
    const lines = (await seenOf([seed!])).tree;
    expect(lines.filter((line) => !tree.includes(line))).toEqual([]);
    expect(lines.length).toBeGreaterThan(1000);
  });
});

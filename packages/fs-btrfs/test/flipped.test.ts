import type { MemoryDevice } from '@vmcraft/core/block';
import { type FsNode, supports } from '@vmcraft/core/contracts';
import { isVmcraftError } from '@vmcraft/core/errors';
import { describe, expect, it } from 'vitest';
import { NodeHeader } from '../src/layout.js';
import { devicesOf, linesOf, openFirst, seenOf } from './fixtures.js';
import { flip, nodesOn, textOn } from './places.js';

const SUPERBLOCK = 0x10000;
const MIRROR = 0x4000000;
const tree = linesOf('tree.txt');
const attributes = linesOf('attributes.txt');
/** Bytes of `text`. */
const TEXT = '\n4321\n4322\n4323\n';
/** Bytes of what zstd makes of `packs`. */
const PACKED = 'the same line again';

/** Everything that a file system tells: sizes, subvolumes, names, attributes, contents. */
async function everything(devices: readonly MemoryDevice[]): Promise<unknown> {
  const seen = await seenOf(devices);
  await using fs = await openFirst(devices);
  const subvolumes = supports(fs, 'subvolumes') ? [await fs.subvolumes(), await fs.defaultSubvolume()] : [];
  return { ...seen, subvolumes, sizes: await fs.statfs(), found: await lookedUp(fs.root) };

  async function lookedUp(root: FsNode): Promise<unknown> {
    const many = (await fs.lookup(root, 'many'))!;
    const names = [1, 450, 900].map((i) => `a rather long name in a large directory, number ${i}`);
    return Promise.all(names.map(async (name) => (await fs.lookup(many, name))?.ino));
  }
}

/** Whether an error says that the image is damaged; anything else that is thrown is wrong. */
async function isNoticed(devices: readonly MemoryDevice[], expected: unknown): Promise<boolean> {
  try {
    expect(await everything(devices)).toEqual(expected);
    return false;
  } catch (error) {
    if (!isVmcraftError(error)) throw error;
    expect(error.code).toBe('VMC_CORRUPT');
    return true;
  }
}

/** Trees by their ids, and whether anything of the file system that is read is in them. */
const TREES = [
  [1, 'of roots', true],
  [2, 'of extents', true],
  [3, 'of chunks', true],
  [4, 'of devices', false],
  [5, 'of files', true],
  [7, 'of checksums', true],
  [9, 'of UUIDs', false],
  [10, 'of free space', false],
  [256, 'of a subvolume', true],
  [257, 'of a subvolume in another one', true],
  [258, 'of a snapshot', true],
] as const;

describe('one flipped bit of Btrfs', () => {
  it.each(['single', 'sha256', 'blake2b', 'old'])(
    '%s: in any block of metadata that is read is noticed',
    async (name) => {
      const [device] = await devicesOf(name);
      const expected = await everything([device!]);
      await using fs = await openFirst([device!]);
      const nodes = await nodesOn(device!, fs.identity.uuid!);
      for (const [owner, , isRead] of TREES) {
        // Blocks of older states are on the disk, too; the newest ones of each level count.
        const own = nodes.filter((node) => node.owner === owner && node.items > 0);
        let noticed = 0;
        for (const { at } of own.sort((a, b) => b.level - a.level || b.generation - a.generation).slice(0, 24)) {
          const within = NodeHeader.size + 11;
          await flip(device!, at + within);
          if (await isNoticed([device!], expected)) noticed++;
          await flip(device!, at + within);
        }
        if (own.length > 0) expect(noticed > 0, `tree ${owner} of ${name}`).toBe(isRead);
        else expect([9, 10], `tree ${owner} of ${name}`).toContain(owner);
      }
    },
  );

  it.each([
    ['single', 1],
    ['raid0', 1],
    ['several', 1],
    ['raid5', 1],
    ['raid6', 1],
    ['raid1', 2],
    ['raid1c3', 3],
    ['raid1c4', 4],
  ] as const)('%s: in contents is repaired from what is right, or is an error', async (name, copies) => {
    const devices = await devicesOf(name);
    const found: { device: MemoryDevice; at: number }[] = [];
    for (const device of devices) {
      for (const at of await textOn(device, TEXT)) found.push({ device, at });
    }
    expect(found.length).toBeGreaterThanOrEqual(copies);
    const hasSpare = copies > 1 || name.startsWith('raid5') || name.startsWith('raid6');
    const damaged = hasSpare && copies > 1 ? found.slice(0, -1) : found.slice(0, 1);
    for (const { device, at } of damaged) await flip(device, at);
    if (hasSpare) expect(await seenOf(devices)).toEqual({ tree, attributes });
    else await expect(seenOf(devices)).rejects.toMatchObject({ code: 'VMC_CORRUPT', message: /csum/ });
    if (copies === 1) return;
    for (const { device, at } of found.slice(-1)) await flip(device, at);
    await expect(seenOf(devices)).rejects.toMatchObject({ code: 'VMC_CORRUPT', message: /csum/ });
  });

  it('raid10: in one of each pair of devices is repaired, in both is an error', async () => {
    const devices = await devicesOf('raid10');
    const flipOn = async (...numbers: number[]): Promise<void> => {
      for (const i of numbers) for (const at of await textOn(devices[i]!, PACKED)) await flip(devices[i]!, at);
    };
    await flipOn(0, 2);
    expect(await seenOf(devices)).toEqual({ tree, attributes });
    await flipOn(1, 3);
    await expect(seenOf(devices)).rejects.toMatchObject({ code: 'VMC_CORRUPT', message: /csum/ });
  });

  it.each(['sha256', 'blake2b', 'nodes-64k', 'mixed'])('%s: in compressed contents is an error', async (name) => {
    const devices = await devicesOf(name);
    await using fs = await openFirst(devices);
    const nodes = new Set((await nodesOn(devices[0]!, fs.identity.uuid!)).map(({ at }) => at));
    const first = await textOn(devices[0]!, PACKED);
    const data = first.filter((at) => !nodes.has(at - (at % 4096)));
    expect(data.length).toBeGreaterThan(0);
    for (const at of data) await flip(devices[0]!, at);
    await expect(seenOf(devices)).rejects.toMatchObject({ code: 'VMC_CORRUPT', message: /csum/ });
  });

  it('in one copy of metadata is not seen, and in both is an error', async () => {
    const devices = await devicesOf('dup');
    await using fs = await openFirst(devices);
    const nodes = await nodesOn(devices[0]!, fs.identity.uuid!);
    const roots = nodes.filter(({ owner }) => owner === 5).sort((a, b) => a.at - b.at);
    expect(roots.length % 2).toBe(0);
    const half = roots.length / 2;
    for (const { at } of roots.slice(0, half)) await flip(devices[0]!, at + 150);
    expect((await seenOf(devices)).tree).toEqual(tree);
    for (const { at } of roots.slice(half)) await flip(devices[0]!, at + 150);
    await expect(seenOf(devices)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });

  it('in the superblock is a warning: there is another copy', async () => {
    const [device] = await devicesOf('single');
    await flip(device!, SUPERBLOCK + 300);
    const warnings: string[] = [];
    await using _fs = await openFirst([device!], warnings);
    expect(warnings.join('\n')).toMatch(/a copy of the superblock is damaged/);
    await device!.write(MIRROR, new Uint8Array(4096));
    await expect(openFirst([device!])).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });
});

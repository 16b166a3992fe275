import { MemoryDevice } from '@vmcraft/core/block';
import { isVmcraftError } from '@vmcraft/core/errors';
import { listTree, requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { xfsDriver } from '../src/index.js';
import { attributesOf, fill, makeXfs, scratch, take, XFS_TOOLS } from './support.js';

const BLOCK = 4096;
/** Kinds of blocks with a checksum of their own, by magic: in the first 32 bits, or at 8 in 16 bits; those of inodes begin with theirs. */
const KINDS = [
  ['inodes', 0x494e, -1],
  ['a directory of one block', 0x58444233, 0],
  ['a data block of a directory', 0x58444433, 0],
  ['a leaf of a directory', 0x3df1, 8],
  ['a leaf under nodes', 0x3dff, 8],
  ['a node of a hash index', 0x3ebe, 8],
  ['a leaf of attributes', 0x3bee, 8],
  ['a value of an attribute', 0x5841524d, 0],
  ['a target of a symbolic link', 0x58534c4d, 0],
  ['a block of an extent tree', 0x424d4133, 0],
] as const;
/** Blocks of one kind that are tried: those of removed objects are seen by nobody. */
const TRIED = 2;

describe.runIf(requireTools(...XFS_TOOLS, 'setfattr', 'setfacl'))('one flipped bit of XFS', () => {
  const { folder, remove } = scratch();
  let good: Uint8Array;
  let expected: string[];
  beforeAll(async () => {
    good = take(makeXfs(folder, ['--unsupported'], '160M', (mount) => fill(mount)));
    expected = await everything(good);
  });
  afterAll(remove);

  async function everything(data: Uint8Array): Promise<string[]> {
    await using fs = await xfsDriver.open(MemoryDevice.from(data), { readonly: true });
    const tree = await listTree(fs, { links: true });
    const node = (await fs.lookup(fs.root, 'node'))!;
    for (const number of [2, 3000, 5999]) {
      await fs.lookup(node, `a rather long name in a large directory, number ${number}`);
    }
    const leaf = (await fs.lookup(fs.root, 'leaf'))!;
    await fs.lookup(leaf, 'a name of middling length 3');
    return [...tree, ...(await attributesOf(fs))];
  }

  it.each(KINDS)('in %s is noticed', async (_name, magic, at) => {
    const view = new DataView(good.buffer);
    const places: number[] = [];
    for (let block = 0; block < good.length && places.length < TRIED; block += BLOCK) {
      const found = at === 0 ? view.getUint32(block) : view.getUint16(block + Math.max(at, 0));
      if (found === magic) places.push(block);
    }
    expect(places.length).toBeGreaterThan(0);
    let noticed = 0;
    for (const place of places) {
      // In the header, near it, and where the block is full of something else or of nothing.
      for (const within of [20, 150, 2100, 4000]) {
        const bad = good.slice();
        bad[place + within] = bad[place + within]! ^ 8;
        try {
          // What nobody reads may be damaged, but nothing may read as something else.
          expect(await everything(bad)).toEqual(expected);
        } catch (error) {
          if (!isVmcraftError(error)) throw error;
          expect(error.code).toBe('VMC_CORRUPT');
          noticed++;
        }
      }
    }
    expect(noticed).toBeGreaterThan(0);
  });
});

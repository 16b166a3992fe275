import { viewOf } from '@vmcraft/core/binary';
import type { MemoryDevice } from '@vmcraft/core/block';
import { isVmcraftError } from '@vmcraft/core/errors';
import { beforeAll, describe, expect, it } from 'vitest';
import { xfsDriver } from '../src/index.js';
import { deviceOf, seenIn } from './fixtures.js';

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

const LOOKED_UP = [
  ['node', 'a rather long name in a large directory, number 2'],
  ['node', 'a rather long name in a large directory, number 800'],
  ['node', 'a rather long name in a large directory, number 1600'],
  ['leaf', 'a name of middling length 3'],
] as const;

/** Everything that is read of a file system, names looked up one by one included. */
async function everything(device: MemoryDevice): Promise<unknown> {
  await using fs = await xfsDriver.open(device, { readonly: true });
  const seen = await seenIn(fs);
  const found: unknown[] = [];
  for (const [path, name] of LOOKED_UP) {
    found.push((await fs.lookup((await fs.lookup(fs.root, path))!, name))?.ino);
  }
  return { ...seen, found };
}

/** Places of blocks of one kind, the first ones. */
async function placesOf(device: MemoryDevice, magic: number, at: number): Promise<number[]> {
  const places: number[] = [];
  for await (const { offset, length, kind } of device.extents(0, device.size)) {
    if (kind !== 'data') continue;
    const view = viewOf(await device.read(offset, length));
    for (let block = 0; block < length && places.length < TRIED; block += BLOCK) {
      const found = at === 0 ? view.getUint32(block) : view.getUint16(block + Math.max(at, 0));
      if (found === magic) places.push(offset + block);
    }
  }
  return places;
}

describe('one flipped bit of XFS', () => {
  let device: MemoryDevice;
  let expected: unknown;
  beforeAll(async () => {
    device = await deviceOf('today');
    expected = await everything(device);
  });

  async function flip(at: number): Promise<void> {
    const [byte = 0] = await device.read(at, 1);
    await device.write(at, Uint8Array.of(byte ^ 8));
  }

  it.each(KINDS)('in %s is noticed', async (_name, magic, at) => {
    const places = await placesOf(device, magic, at);
    expect(places.length).toBeGreaterThan(0);
    let noticed = 0;
    // In the header, near it, and where the block is full of something else or of nothing.
    for (const place of places.flatMap((start) => [20, 150, 2100, 4000].map((within) => start + within))) {
      await flip(place);
      try {
        // What nobody reads may be damaged, but nothing may read as something else.
        expect(await everything(device)).toEqual(expected);
      } catch (error) {
        if (!isVmcraftError(error)) throw error;
        expect(error.code).toBe('VMC_CORRUPT');
        noticed++;
      } finally {
        await flip(place);
      }
    }
    expect(noticed).toBeGreaterThan(0);
  });
});

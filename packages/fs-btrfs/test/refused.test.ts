import { crc32c, viewOf } from '@vmcraft/core/binary';
import type { MemoryDevice } from '@vmcraft/core/block';
import { describe, expect, it } from 'vitest';
import { decodeChunk } from '../src/chunk-map.js';
import { Chunk, SUPERBLOCK_PLACES } from '../src/layout.js';
import { devicesOf, openFirst, seenOf } from './fixtures.js';
import { nodesOn } from './places.js';

const SUPERBLOCK = 4096;

/** Change every copy of the superblock, and make its checksum right. */
async function changed(change: (view: DataView) => void): Promise<MemoryDevice> {
  const [device] = await devicesOf('single');
  for (const at of SUPERBLOCK_PLACES.filter((place) => place < device!.size)) {
    const raw = await device!.read(at, SUPERBLOCK);
    const view = viewOf(raw);
    change(view);
    view.setUint32(0, crc32c(raw.subarray(32)), true);
    await device!.write(at, raw);
  }
  return device!;
}

const incompatible =
  (bit: bigint) =>
  (view: DataView): void =>
    view.setBigUint64(188, view.getBigUint64(188, true) | (1n << bit), true);
const flag =
  (bit: bigint) =>
  (view: DataView): void =>
    view.setBigUint64(56, view.getBigUint64(56, true) | (1n << bit), true);

describe('what would be read wrongly is refused by name', () => {
  it.each([
    ['zoned', incompatible(12n), /zoned/],
    ['extent_tree_v2', incompatible(13n), /extent_tree_v2/],
    ['raid_stripe_tree', incompatible(14n), /raid_stripe_tree/],
    ['a bit that is not known', incompatible(40n), /0x10000000000/],
    ['a metadata dump', flag(33n), /metadata dump/],
    ['a metadata dump of version 2', flag(34n), /metadata dump/],
    ['a UUID that is being changed', flag(35n), /UUID that was not finished/],
    ['a metadata UUID that is being changed', flag(36n), /UUID that was not finished/],
    ['an unknown checksum', (view: DataView) => view.setUint16(196, 9, true), /checksum type 9/],
  ])('%s', async (_name, change, message) => {
    await expect(openFirst([await changed(change)])).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED', message });
  });

  it('an unknown profile', () => {
    const raw = new Uint8Array(Chunk.size + 32);
    const view = viewOf(raw);
    view.setBigUint64(0, 65_536n, true);
    view.setBigUint64(16, 65_536n, true);
    view.setBigUint64(24, 1n | (1n << 11n), true);
    view.setUint16(44, 1, true);
    expect(() => decodeChunk(0, raw)).toThrow(/block group type 0x801/);
  });

  /** Change the first extent item that is not inline in every node, checksums included. */
  async function withExtents(at: number, value: number): Promise<MemoryDevice> {
    const [device] = await devicesOf('single');
    await using fs = await openFirst([device!]);
    const HEADER = 101;
    const ITEM = 25;
    for (const node of await nodesOn(device!, fs.identity.uuid!)) {
      if (node.level !== 0 || node.owner !== 5) continue;
      const raw = await device!.read(node.at, 16_384);
      const view = viewOf(raw);
      for (let i = 0; i < node.items; i++) {
        const item = HEADER + i * ITEM;
        const data = HEADER + view.getUint32(item + 17, true);
        if (view.getUint8(item + 8) === 108 && view.getUint8(data + 20) === 1) view.setUint8(data + at, value);
      }
      view.setUint32(0, crc32c(raw.subarray(32)), true);
      await device!.write(node.at, raw);
    }
    return device!;
  }

  it.each([
    ['encrypted contents', 17, 1, 'VMC_UNSUPPORTED', /encrypted/],
    ['another encoding', 18, 1, 'VMC_UNSUPPORTED', /encrypted/],
    ['an unknown compression', 16, 7, 'VMC_UNSUPPORTED', /compression/],
    ['an unknown kind of extent', 20, 9, 'VMC_CORRUPT', /type/],
  ])('%s', async (_name, at, value, code, message) => {
    await expect(seenOf([await withExtents(at, value)])).rejects.toMatchObject({ code, message });
  });
});

import { crc32cRaw } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { describe, expect, it } from 'vitest';
import { readSuperblock } from '../src/activator.js';
import type { MdSuperblock } from '../src/superblock.js';
import { discover, fixtureMembers } from './support.js';

const BLOCK = 4096;
const CHUNK = 4096;

/** An entry of a log. */
type Entry = { readonly data: number; readonly fill: number } | { readonly flush: readonly number[] };

/** Write a log of blocks with one entry each, from the tail of the journal on; what was there before ends behind it. */
async function writeLog(journal: BlockDevice, superblock: MdSuperblock, entries: readonly Entry[]): Promise<void> {
  const { dataOffset, journalTail, rawUuid } = superblock;
  const seed = crc32cRaw(0xffffffff, rawUuid);
  let at = Number(journalTail) * 512;
  for (const [i, entry] of entries.entries()) {
    const block = Buffer.alloc(BLOCK);
    const page = Buffer.alloc(BLOCK, 'data' in entry ? entry.fill : 0);
    block.writeUInt32LE(0x6433c509, 0);
    block[8] = 1;
    block.writeBigUInt64LE(BigInt(100 + i), 16);
    block.writeBigUInt64LE(BigInt(at / 512), 24);
    if ('data' in entry) {
      block.writeUInt32LE(8, 36);
      block.writeBigUInt64LE(BigInt(entry.data / 512), 40);
      block.writeUInt32LE(crc32cRaw(seed, page) >>> 0, 48);
      block.writeUInt32LE(52, 12);
    } else {
      block.writeUInt16LE(2, 32);
      block.writeUInt32LE(entry.flush.length * 8, 36);
      for (const [n, stripe] of entry.flush.entries()) block.writeBigUInt64LE(BigInt(stripe), 40 + n * 8);
      block.writeUInt32LE(40 + entry.flush.length * 8, 12);
    }
    block.writeUInt32LE(crc32cRaw(seed, block) >>> 0, 4);
    await journal.write(dataOffset + at, block);
    at += BLOCK;
    if ('data' in entry) {
      await journal.write(dataOffset + at, page);
      at += BLOCK;
    }
  }
  await journal.write(dataOffset + at, new Uint8Array(BLOCK));
}

describe('a write journal', () => {
  /** Pages of the array with a log, by what they are full of; undefined where the members count. */
  async function pagesWith(entries: readonly Entry[]): Promise<(number | undefined)[]> {
    const members = fixtureMembers('raid5-journal');
    const superblock = (await readSuperblock(members[3]!))!;
    await writeLog(members[3]!, superblock, [{ flush: [] }]);
    const plain = (await discover(members)).array.device;
    const before = (await plain.read(0, plain.size)).slice();
    expect(plain.writable).toBe(true);
    await writeLog(members[3]!, superblock, entries);
    const { array } = await discover(members);
    const after = await array.device.read(0, array.device.size);
    return Array.from({ length: 8 }, (_, page) => {
      const own = after.subarray(page * BLOCK, (page + 1) * BLOCK);
      if (Buffer.compare(own, before.subarray(page * BLOCK, (page + 1) * BLOCK)) === 0) return undefined;
      return own.every((byte) => byte === own[0]) ? own[0] : Number.NaN;
    });
  }

  it('has pages in the place of those of the members, the last one counts', async () => {
    const entries = [
      { data: 0, fill: 1 },
      { data: 3 * BLOCK, fill: 2 },
      { data: 0, fill: 3 },
    ];
    expect((await pagesWith(entries)).slice(0, 5)).toEqual([3, undefined, undefined, 2, undefined]);
  });

  it('forgets the pages of stripes that were written to the members since', async () => {
    // Of three members, chunks of one page: pages 2n and 2n + 1 are of stripe n.
    const entries = [
      ...[0, 1, 2, 3, 4].map((page) => ({ data: page * CHUNK, fill: page + 1 })),
      { flush: [0, (2 * CHUNK) / 512] },
      { data: 1 * CHUNK, fill: 9 },
    ];
    expect((await pagesWith(entries)).slice(0, 6)).toEqual([undefined, 9, 3, 4, undefined, undefined]);
  });

  it('with an entry of a kind that is not known is refused', async () => {
    const members = fixtureMembers('raid5-journal');
    const superblock = (await readSuperblock(members[3]!))!;
    await writeLog(members[3]!, superblock, [{ flush: [] }, { data: 0, fill: 1 }]);
    const at = superblock.dataOffset + Number(superblock.journalTail) * 512 + BLOCK;
    const block = Buffer.from(await members[3]!.read(at, BLOCK));
    block.writeUInt16LE(7, 32);
    block.writeUInt32LE(0, 4);
    block.writeUInt32LE(crc32cRaw(crc32cRaw(0xffffffff, superblock.rawUuid), block) >>> 0, 4);
    await members[3]!.write(at, block);
    expect((await discover(members)).text()).toContain('has entries that are not known');
  });
});

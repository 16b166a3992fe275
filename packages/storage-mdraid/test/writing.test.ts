import type { BlockDevice } from '@vmcraft/core/contracts';
import { describe, expect, it } from 'vitest';
import { readSuperblock } from '../src/activator.js';
import { BitmapSuperblock } from '../src/layout.js';
import { discover, EXPECTED, fixtureMembers, sha256 } from './support.js';

const WRITES: readonly (readonly [at: number, length: number])[] = [
  [0, 512],
  [5000, 100],
  [4096 * 7, 4096],
  [12_000, 30_000],
  [65_536, 49_152],
  [150_001, 7],
  [190_000, 6000],
];

/** Write here and there, and give back what the array must hold now. */
async function scribble(device: BlockDevice): Promise<Uint8Array> {
  const model = (await device.read(0, device.size)).slice();
  for (const [i, [at, length]] of WRITES.entries()) {
    const data = Uint8Array.from({ length }, (_, n) => (n * 7 + i) & 0xff);
    model.set(data, at);
    await device.write(at, data);
  }
  await device.flush();
  return model;
}

async function contents(members: readonly BlockDevice[]): Promise<Uint8Array> {
  const { array } = await discover(members);
  return array.device.read(0, array.device.size);
}

const WHOLE = [...EXPECTED.keys()].filter((name) => /^(linear|raid\d+)-/.test(name) && !/journal|ppl-dirty/.test(name));
const REDUNDANT = WHOLE.filter(
  (name) => /^raid(1|4|5|6|10)-/.test(name) && !/stale|missing|rebuild|badblocks|dirty/.test(name),
);

describe('writing', () => {
  it.each(WHOLE)('%s holds what was written', async (name) => {
    const members = fixtureMembers(name);
    const { array } = await discover(members);
    const model = await scribble(array.device);
    expect(Buffer.compare(await contents(members), model)).toBe(0);
  });

  it.each(REDUNDANT)('%s has right redundancy afterwards, and its superblocks stay as they were', async (name) => {
    const members = fixtureMembers(name);
    const before = await Promise.all(members.map(readSuperblock));
    const model = await scribble((await discover(members)).array.device);
    for (const gone of members) {
      const rest = members.filter((m) => m !== gone);
      if (Buffer.compare(await contents(rest), model) !== 0) expect.fail(`without ${members.indexOf(gone)}`);
    }
    const after = await Promise.all(members.map(readSuperblock));
    expect(after.map((s) => s!.events)).toEqual(before.map((s) => s!.events));
  });

  it.each(['raid5-stale', 'raid5-stale-090', 'raid6-stale', 'raid10-stale', 'raid1-stale', 'raid5-missing-090'])(
    '%s, which is degraded, has newer events',
    async (name) => {
      const members = fixtureMembers(name);
      const before = (await discover(members)).array;
      const parents = before.parents.length;
      const events = await Promise.all(members.map(async (m) => (await readSuperblock(m))!.events));
      const newest = [...events].sort((a, b) => (a < b ? -1 : 1)).at(-1)!;
      const model = await scribble(before.device);
      expect(Buffer.compare(await contents(members), model)).toBe(0);
      const now = await Promise.all(members.map(async (m) => (await readSuperblock(m))!.events));
      expect(parents).toBe(members.length);
      expect(now).toEqual(events.map((e) => (e === newest ? newest + 2n : e)));
    },
  );
});

describe('a member that was left out while the array was written', () => {
  it.each(['raid1-12', 'raid5-12', 'raid5-090', 'raid6-parity-last', 'raid10-12', 'raid1-10', 'raid4-090'])(
    '%s: is not believed when it comes back',
    async (name) => {
      const all = fixtureMembers(name);
      const model = await scribble((await discover(all.slice(1))).array.device);
      const { array, text } = await discover(all);
      expect(Buffer.compare(await array.device.read(0, array.device.size), model)).toBe(0);
      expect(text()).toMatch(/\/dev\/sda is left out: it is older than the others/);
      const superblock = (await readSuperblock(all[1]!))!;
      expect(superblock.roles.filter((role) => role === 0)).toEqual([]);
    },
  );

  it.each([
    ['raid5-bitmap', 3 * 4096],
    ['raid1-bitmap', 4096],
    ['raid1-bitmap-090', 4096],
    ['raid10-bitmap', 4096],
    ['raid6-bitmap', 3 * 4096],
  ])('%s: the bitmap tells what it missed', async (name, perBit) => {
    const members = fixtureMembers(name).slice(1);
    const { array } = await discover(members);
    await array.device.write(perBit * 5 + 10, new Uint8Array(perBit).fill(1));
    for (const member of members) {
      const { bitmapOffset, events } = (await readSuperblock(member))!;
      const bytes = await member.read(bitmapOffset!, 512);
      expect(BitmapSuperblock.decode(bytes).events).toBe(events);
      expect([...bytes.subarray(256, 260)]).toEqual([0b0110_0000, 0, 0, 0]);
    }
  });

  it('a bitmap that is broken keeps a degraded array from being written', async () => {
    const members = fixtureMembers('raid5-bitmap').slice(1);
    const { bitmapOffset } = (await readSuperblock(members[0]!))!;
    await members[0]!.write(bitmapOffset!, Uint8Array.of(0));
    const { array, text } = await discover(members);
    expect(text()).toContain('corrupt bitmap_super_s.magic');
    await expect(array.device.write(0, new Uint8Array(1))).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
    expect(await sha256(array.device)).toBe(EXPECTED.get('raid5-bitmap')!.sha256);
  });

  it('a bitmap of a cluster does, too', async () => {
    const members = fixtureMembers('raid5-bitmap').slice(1);
    for (const member of members) {
      const { bitmapOffset } = (await readSuperblock(member))!;
      await member.write(bitmapOffset! + 4, Uint8Array.of(5));
    }
    const { array, text } = await discover(members);
    expect(text()).toContain('unsupported: a write-intent bitmap of version 5');
    await expect(array.device.write(0, new Uint8Array(1))).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
  });
});

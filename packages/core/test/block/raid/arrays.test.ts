import { describe, expect, it } from 'vitest';
import { equalBytes } from '../../../src/binary/index.js';
import { MemoryDevice, SliceDevice } from '../../../src/block/index.js';
import {
  type ArrayMember,
  ConcatDevice,
  computeP,
  computeQ,
  MirrorArray,
  PARITY_ALGORITHMS,
  type ParityAlgorithm,
  ParityArray,
  parityAlgorithm,
  parityLayout,
  Raid10Array,
  raid10Copies,
  raid10Geometry,
  StripeArray,
} from '../../../src/block/raid/index.js';

const CHUNK = 512;
const ROWS = 12;
const bytes = (seed: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (Math.imul(i + seed, 2_654_435_761) ^ Math.imul(seed + 7, 40_503)) >>> 9);
const disks = (count: number, size = CHUNK * ROWS): MemoryDevice[] =>
  Array.from({ length: count }, () => new MemoryDevice(size));
const members = (all: readonly MemoryDevice[], ...missing: number[]): (ArrayMember | undefined)[] =>
  all.map((device, i) => (missing.includes(i) ? undefined : { device }));

/** Writes of every kind: within a chunk, across chunks, whole stripes, all. */
function writesOf(size: number): (readonly [offset: number, length: number])[] {
  return [
    [0, size],
    [100, 50],
    [CHUNK - 10, 20],
    [CHUNK * 3, CHUNK],
    [CHUNK * 2 + 7, CHUNK * 7],
    [size - 600, 600],
  ];
}

const single = (Object.keys(PARITY_ALGORITHMS) as ParityAlgorithm[]).filter((a) => PARITY_ALGORITHMS[a] <= 5);
const double = (Object.keys(PARITY_ALGORITHMS) as ParityAlgorithm[]).map((a) => [a, 2] as const);
const arrays = [...single.map((a) => [a, 1] as const), ...double];

describe('parity layouts', () => {
  it('are those that md(4) draws for four disks', () => {
    const rows = (algorithm: ParityAlgorithm, parities: 1 | 2, count: number): string[] =>
      Array.from({ length: 4 }, (_, s) => {
        const layout = parityLayout(algorithm, count, parities);
        const roles = layout.stripes[s % layout.stripes.length]!;
        return roles.slots.map((slot, disk) => (disk === roles.p ? 'P' : disk === roles.q ? 'Q' : slot)).join('');
      });
    expect(rows('left-symmetric', 1, 4)).toEqual(['012P', '12P0', '2P01', 'P012']);
    expect(rows('left-asymmetric', 1, 4)).toEqual(['012P', '01P2', '0P12', 'P012']);
    expect(rows('right-symmetric', 1, 4)).toEqual(['P012', '2P01', '12P0', '012P']);
    expect(rows('right-asymmetric', 1, 4)).toEqual(['P012', '0P12', '01P2', '012P']);
    expect(rows('left-symmetric', 2, 5)).toEqual(['Q012P', '012PQ', '12PQ0', '2PQ01']);
    expect(rows('ddf-zero-restart', 2, 4)).toEqual(['PQ01', '0PQ1', '01PQ', 'Q01P']);
    expect(rows('ddf-N-restart', 2, 4)).toEqual(['01PQ', '0PQ1', 'PQ01', 'Q01P']);
    expect(rows('ddf-N-continue', 2, 4)).toEqual(['01QP', '1QP0', 'QP01', 'P01Q']);
    expect(rows('left-symmetric-6', 2, 5)).toEqual(['012PQ', '12P0Q', '2P01Q', 'P012Q']);
  });

  it('know their numbers and refuse what is none', () => {
    expect(parityAlgorithm(2)).toBe('left-symmetric');
    expect(parityAlgorithm(7)).toBeUndefined();
    expect(() => parityLayout('ddf-N-continue', 4, 1)).toThrow('RAID 6 only');
    expect(() => parityLayout('left-symmetric', 1, 1)).toThrow('1 disks');
  });
});

describe.each(arrays)('%s with %i parities', (algorithm, parities) => {
  const count = parities + 4;
  const layout = parityLayout(algorithm, count, parities);
  const options = { layout, chunkSize: CHUNK, memberSize: CHUNK * ROWS };

  async function checkParity(all: readonly MemoryDevice[]): Promise<void> {
    for (let s = 0; s < ROWS; s++) {
      const chunks = await Promise.all(all.map((d) => d.read(s * CHUNK, CHUNK)));
      const roles = layout.stripes[s % layout.stripes.length]!;
      const data = roles.data.map((disk) => chunks[disk]!);
      expect(equalBytes(chunks[roles.p]!, computeP(data))).toBe(true);
      if (roles.q >= 0) expect(equalBytes(chunks[roles.q]!, computeQ(data, roles.exponents))).toBe(true);
    }
  }

  it('reads back what is written, whole and with members missing', async () => {
    const all = disks(count);
    const array = new ParityArray(members(all), options);
    const model = new Uint8Array(array.size);
    for (const [i, [offset, length]] of writesOf(array.size).entries()) {
      const data = bytes(i, length);
      model.set(data, offset);
      await array.write(offset, data);
      await checkParity(all);
    }
    expect(equalBytes(await array.read(0, array.size), model)).toBe(true);
    for (let a = 0; a < count; a++) {
      const degraded = new ParityArray(members(all, a, parities === 2 ? (a + 2) % count : a), options);
      expect(equalBytes(await degraded.read(0, array.size), model)).toBe(true);
    }
  });

  it('writes with members missing', async () => {
    for (let a = 0; a < count; a++) {
      const all = disks(count);
      await new ParityArray(members(all), options).write(0, bytes(1, CHUNK * ROWS * layout.dataDisks));
      const gone = parities === 2 ? [a, (a + 1) % count] : [a];
      const degraded = new ParityArray(members(all, ...gone), options);
      const model = (await degraded.read(0, degraded.size)).slice();
      for (const [i, [offset, length]] of writesOf(degraded.size).slice(1).entries()) {
        const data = bytes(i + 50, length);
        model.set(data, offset);
        await degraded.write(offset, data);
      }
      expect(equalBytes(await new ParityArray(members(all, ...gone), options).read(0, degraded.size), model)).toBe(
        true,
      );
    }
  });
});

describe('ParityArray', () => {
  const layout = parityLayout('left-symmetric', 4, 1);
  const options = { layout, chunkSize: CHUNK, memberSize: CHUNK * ROWS, name: 'md0' };

  it('says how many members are missing', () => {
    expect(() => new ParityArray(members(disks(4), 0, 2), options)).toThrow('2 of 4 members are missing');
  });

  it('does not believe a member behind what is in sync', async () => {
    const all = disks(4);
    await new ParityArray(members(all), options).write(0, bytes(3, CHUNK * ROWS * 3));
    await all[1]!.write(CHUNK * 6, new Uint8Array(CHUNK * 6).fill(1));
    const partly = members(all).map((m, i) => (i === 1 ? { ...m!, inSync: CHUNK * 6 } : m));
    const array = new ParityArray(partly, options);
    expect(equalBytes(await array.read(0, array.size), bytes(3, CHUNK * ROWS * 3))).toBe(true);
  });

  it('heals parity that is not sure', async () => {
    const all = disks(4);
    for (const [i, disk] of all.entries()) await disk.write(0, bytes(i, CHUNK * ROWS));
    const array = new ParityArray(members(all), { ...options, parityUnsure: true });
    const before = (await array.read(0, CHUNK * 3)).slice();
    await array.write(5, bytes(9, 10));
    before.set(bytes(9, 10), 5);
    // Only the range that was written has right parity now.
    const degraded = new ParityArray(members(all, 0), options);
    expect(equalBytes(await degraded.read(5, 10), bytes(9, 10))).toBe(true);
  });

  it('answers at once for what its members have', async () => {
    const array = new ParityArray(members(disks(4)), options);
    await array.write(0, bytes(1, 2000));
    expect(equalBytes(array.peek(10, 100)!, bytes(1, 2000).subarray(10, 110))).toBe(true);
    expect(array.peek(500, 100)).toBeUndefined();
  });
});

describe('RAID 10', () => {
  it.each([
    ['near 2 of 4', 0x102, 4],
    ['near 2 of 3', 0x102, 3],
    ['near 3 of 4', 0x103, 4],
    ['far 2 of 3', 0x201, 3],
    ['far 2 of 4 in sets', 0x40201, 4],
    ['far 2 of 5 in sets', 0x40201, 5],
    ['offset 2 of 4', 0x10201, 4],
    ['offset 3 of 5', 0x10301, 5],
    ['near 2, far 2 of 5', 0x202, 5],
  ])('%s: every copy is the same, none overlap, one disk may go', async (_, layout, count) => {
    const geometry = raid10Geometry(layout, count, CHUNK, CHUNK * ROWS + 100);
    const all = disks(count, CHUNK * ROWS + 100);
    const array = new Raid10Array(members(all), geometry);
    const seen = new Set<string>();
    for (let chunk = 0; chunk < array.size / CHUNK; chunk++) {
      for (const { disk, offset } of raid10Copies(geometry, chunk)) {
        expect(offset + CHUNK).toBeLessThanOrEqual(CHUNK * ROWS + 100);
        expect(seen.has(`${disk}:${offset}`)).toBe(false);
        seen.add(`${disk}:${offset}`);
      }
    }
    const model = bytes(5, array.size);
    await array.write(0, model);
    model.set(bytes(6, 1500), 700);
    await array.write(700, bytes(6, 1500));
    expect(equalBytes(await array.read(0, array.size), model)).toBe(true);
    for (let gone = 0; gone < count; gone++) {
      expect(equalBytes(await new Raid10Array(members(all, gone), geometry).read(0, array.size), model)).toBe(true);
    }
  });

  it('places copies as md(4) draws them', () => {
    const at = (layout: number, count: number, chunk: number): string =>
      raid10Copies(raid10Geometry(layout, count, CHUNK, CHUNK * ROWS), chunk)
        .map((c) => `${c.disk}@${c.offset / CHUNK}`)
        .join(' ');
    expect([0, 1, 2].map((c) => at(0x102, 3, c))).toEqual(['0@0 1@0', '2@0 0@1', '1@1 2@1']);
    expect([0, 1, 2, 3].map((c) => at(0x201, 3, c))).toEqual(['0@0 1@6', '1@0 2@6', '2@0 0@6', '0@1 1@7']);
    expect([0, 3, 4].map((c) => at(0x10201, 4, c))).toEqual(['0@0 1@1', '3@0 0@1', '0@2 1@3']);
  });

  it('says when both copies are missing', () => {
    const geometry = raid10Geometry(0x102, 4, CHUNK, CHUNK * ROWS);
    expect(() => new Raid10Array(members(disks(4), 0, 1), geometry)).toThrow('copy of the same chunks are missing');
    expect(() => raid10Geometry(0x303, 4, CHUNK, 10)).toThrow('0x303');
  });
});

describe('stripes, mirrors and parts', () => {
  it('go round their members', async () => {
    const all = disks(3);
    const array = new StripeArray(all, { chunkSize: CHUNK, memberSize: CHUNK * ROWS });
    const model = bytes(1, array.size);
    await array.write(0, model);
    expect(equalBytes(await array.read(0, array.size), model)).toBe(true);
    expect(equalBytes(await all[1]!.read(CHUNK, CHUNK), model.subarray(CHUNK * 4, CHUNK * 5))).toBe(true);
    expect(equalBytes(array.peek(CHUNK * 4, 10)!, model.subarray(CHUNK * 4, CHUNK * 4 + 10))).toBe(true);
  });

  it('mirror to every member and read past a gap', async () => {
    const all = disks(3);
    const array = new MirrorArray([undefined, { device: all[1]!, inSync: 100 }, { device: all[2]! }], 1000);
    await array.write(50, bytes(4, 500));
    expect(equalBytes(await array.read(50, 500), bytes(4, 500))).toBe(true);
    expect(equalBytes(await all[1]!.read(50, 500), bytes(4, 500))).toBe(true);
    expect(() => new MirrorArray([undefined, { device: all[0]!, inSync: 0 }], 10)).toThrow('no member');
  });

  it('lie behind one another', async () => {
    const all = disks(3);
    const parts = all.map((d, i) => new SliceDevice(d, i * 10, 1000 + i));
    const device = new ConcatDevice(parts);
    const model = bytes(8, device.size);
    await device.write(0, model);
    expect(equalBytes(await device.read(0, device.size), model)).toBe(true);
    expect(equalBytes(await device.read(999, 3), model.subarray(999, 1002))).toBe(true);
    await device.discard!(900, 1200);
    model.fill(0, 900, 2100);
    expect(equalBytes(await device.read(0, device.size), model)).toBe(true);
    let end = 0;
    for await (const run of device.extents!(0, device.size)) {
      expect(run.offset).toBe(end);
      end += run.length;
    }
    expect(end).toBe(device.size);
  });
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Overlay, type OverlayBase } from '../../src/block/transaction/overlay.js';
import { RangeSet } from '../../src/block/transaction/range-set.js';
import type { BlockExtent } from '../../src/contracts/index.js';
import { NodeHostFiles } from '../../src/runtime/node-host-files.js';

const BASE = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

const base: OverlayBase = {
  size: BASE.length,
  read: async (offset, length) => BASE.slice(offset, offset + length),
  async *extents(offset, length): AsyncGenerator<BlockExtent> {
    yield { offset, length, kind: 'data' };
  },
};

type Step = readonly [kind: 'write' | 'truncate' | 'hole' | 'read', offset: number, length: number];
const step = fc.tuple(
  fc.constantFrom('write', 'write', 'write', 'truncate', 'hole', 'read'),
  fc.oneof(
    fc.nat(400_000),
    fc.nat(6).map((n) => n * 65_536),
  ),
  fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 1, max: 5000 })),
) as fc.Arbitrary<Step>;

const resized = (data: Uint8Array, size: number): Uint8Array => {
  const out = new Uint8Array(size);
  out.set(data.subarray(0, size));
  return out;
};

/** The step on the overlay and on plain bytes; gives the bytes. */
async function perform(
  overlay: Overlay,
  model: Uint8Array,
  [kind, offset, length]: Step,
  n: number,
): Promise<Uint8Array> {
  if (kind === 'truncate') {
    await overlay.truncate(offset);
    return resized(model, offset);
  }
  if (kind === 'hole') {
    const end = Math.min(model.length, offset + length);
    if (offset >= end) return model;
    await overlay.punchHole(offset, end - offset);
    return model.slice().fill(0, offset, end);
  }
  if (kind === 'read') {
    const seen = await overlay.read(offset, length);
    expect(Buffer.compare(seen, model.slice(offset, offset + length))).toBe(0);
    return model;
  }
  const data = new Uint8Array(length).fill(n + 1);
  await overlay.write(offset, data);
  const grown = resized(model, Math.max(model.length, offset + length));
  grown.set(data, offset);
  return grown;
}

/** What the changes make of the base: what commit and recovery rely on. */
async function applied(overlay: Overlay): Promise<Uint8Array> {
  const out = resized(resized(BASE, overlay.baseLimit), overlay.size);
  let last = 0;
  for (const { offset, length, kind } of overlay.changes(50_000)) {
    expect(offset).toBeGreaterThanOrEqual(last);
    last = offset + length;
    if (kind === 'zero') out.fill(0, offset, offset + length);
    else out.set(await overlay.read(offset, length), offset);
  }
  return out;
}

describe('Overlay', () => {
  it.each([0, 131_072, 1 << 26])(
    'behaves as plain bytes, with %d bytes of memory',
    { timeout: 120_000 },
    async (limit) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
          const host = new NodeHostFiles();
          const overlay = new Overlay(base, { limit, used: 0 }, () => host.scratch());
          let model: Uint8Array = BASE.slice();
          for (const [n, one] of steps.entries()) model = await perform(overlay, model, one, n);
          expect(overlay.size).toBe(model.length);
          expect(Buffer.compare(await overlay.read(0, overlay.size), model)).toBe(0);
          expect(Buffer.compare(await applied(overlay), model)).toBe(0);
          let covered = 0;
          for await (const run of overlay.extents(0, overlay.size)) {
            expect(run.offset).toBe(covered);
            covered += run.length;
            if (run.kind !== 'data') expect(model.subarray(run.offset, covered).some((b) => b !== 0)).toBe(false);
          }
          expect(covered).toBe(overlay.size);
          await overlay.clear();
          expect(Buffer.compare(await overlay.read(0, BASE.length), BASE)).toBe(0);
        }),
        { numRuns: limit === 0 ? 40 : 80 },
      );
    },
  );

  it('keeps to its memory', async () => {
    const host = new NodeHostFiles();
    const budget = { limit: 256 * 1024, used: 0 };
    const overlay = new Overlay(base, budget, () => host.scratch());
    for (let i = 0; i < 64; i++) await overlay.write(i * 65_536, new Uint8Array(65_536).fill(i));
    expect(budget.used).toBeLessThanOrEqual(budget.limit);
    expect((await overlay.read(63 * 65_536 + 5, 1))[0]).toBe(63);
    expect((await overlay.read(5, 1))[0]).toBe(0);
    await overlay.clear();
    expect(budget.used).toBe(0);
  });
});

describe('RangeSet', () => {
  it('is a set', () => {
    const change = fc.tuple(fc.boolean(), fc.nat(60), fc.nat(20));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const set = new RangeSet();
        const model = new Set<number>();
        for (const [add, start, length] of changes) {
          if (add) set.add(start, start + length);
          else set.remove(start, start + length);
          for (let i = start; i < start + length; i++) add ? model.add(i) : model.delete(i);
        }
        for (let i = 0; i < 90; i++) expect(set.has(i)).toBe(model.has(i));
        expect(set.total).toBe(model.size);
        let last = -1;
        for (const [start, end] of set.runs()) {
          expect(start).toBeGreaterThan(last);
          expect(end).toBeGreaterThan(start);
          last = end;
        }
      }),
    );
  });
});

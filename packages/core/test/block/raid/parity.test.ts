import { describe, expect, it } from 'vitest';
import {
  computeP,
  computeQ,
  gfInverse,
  gfMultiply,
  gfPower,
  multiplyXorInto,
  recoverData,
  updateParity,
  xorInto,
} from '../../../src/block/raid/index.js';

const bytes = (seed: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (Math.imul(i + 1, 2_654_435_761) ^ Math.imul(seed + 7, 40_503)) >>> 11);

describe('GF(2^8)', () => {
  it('multiplies as shifting and reducing by 0x11d does', () => {
    const slow = (a: number, b: number): number => {
      let product = 0;
      for (let bit = 0; bit < 8; bit++) {
        if (b & (1 << bit)) product ^= a << bit;
      }
      for (let bit = 15; bit >= 8; bit--) if (product & (1 << bit)) product ^= 0x11d << (bit - 8);
      return product;
    };
    for (let a = 0; a < 256; a += 3) for (let b = 0; b < 256; b += 5) expect(gfMultiply(a, b)).toBe(slow(a, b));
  });

  it('has an inverse of everything but zero, and powers of two', () => {
    for (let a = 1; a < 256; a++) expect(gfMultiply(a, gfInverse(a))).toBe(1);
    expect([0, 1, 7, 8, 255, -1].map(gfPower)).toEqual([1, 2, 128, 29, 1, gfInverse(2)]);
  });

  it('adds runs of any length and alignment', () => {
    const base = bytes(1, 70);
    const target = new Uint8Array(base.buffer, 3, 61).slice();
    const odd = new Uint8Array(70).subarray(5, 66);
    odd.set(target);
    const source = bytes(2, 61);
    xorInto(odd, source);
    multiplyXorInto(target, source, 1);
    expect(odd).toEqual(target);
    expect(odd[60]).toBe(base[63]! ^ source[60]!);
  });
});

describe('parity', () => {
  const data = [0, 1, 2, 3, 4].map((seed) => bytes(seed, 100));
  const exponents = [3, 0, 1, 4, 2];
  const p = computeP(data);
  const q = computeQ(data, exponents);

  it('gives any one or two chunks back', () => {
    for (let a = 0; a < 5; a++) {
      const one = data.map((chunk, i) => (i === a ? undefined : chunk));
      for (const parity of [
        { p, q: undefined },
        { p: undefined, q },
        { p, q },
      ]) {
        const stripe = { data: [...one], exponents, ...parity };
        recoverData(stripe);
        expect(stripe.data).toEqual(data);
      }
      for (let b = a + 1; b < 5; b++) {
        const stripe = { data: one.map((chunk, i) => (i === b ? undefined : chunk)), p, q, exponents };
        recoverData(stripe);
        expect(stripe.data).toEqual(data);
      }
    }
  });

  it('refuses when too much is missing', () => {
    const lost = { data: [undefined, undefined, ...data.slice(2)], p, q: undefined, exponents };
    expect(() => recoverData(lost)).toThrow('lost more than its parity holds');
  });

  it('changes with the data', () => {
    const changed = data.map((chunk, i) => (i === 3 ? bytes(99, 100) : chunk));
    const delta = changed[3]!.slice();
    xorInto(delta, data[3]!);
    const [newP, newQ] = [p.slice(), q.slice()];
    updateParity(delta, exponents[3]!, newP, newQ);
    expect(newP).toEqual(computeP(changed));
    expect(newQ).toEqual(computeQ(changed, exponents));
  });
});

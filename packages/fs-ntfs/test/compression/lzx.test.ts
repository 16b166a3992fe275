import { describe, expect, it } from 'vitest';
import { decompressLznt1 } from '../../src/compression/lznt1.js';
import { decompressLzx } from '../../src/compression/lzx.js';
import { undoCallTranslation } from '../../src/compression/lzx-e8.js';
import { decompressXpressHuffman } from '../../src/compression/xpress-huffman.js';

/** Bits, high bit first, as 16-bit little-endian words. */
function words(bits: string): number[] {
  const padded = bits.padEnd(Math.ceil(bits.length / 16) * 16, '0');
  const out: number[] = [];
  for (let at = 0; at < padded.length; at += 16) {
    const word = Number.parseInt(padded.slice(at, at + 16), 2);
    out.push(word & 0xff, word >>> 8);
  }
  return out;
}

const binary = (value: number, width: number): string => value.toString(2).padStart(width, '0');
const OFFSETS = [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0];

describe('decompressLzx', () => {
  it('takes uncompressed blocks of even and odd size', () => {
    const header = (size: number): number[] => words(`011${'0'}${binary(size, 16)}`);
    const source = Uint8Array.from([...header(5), ...OFFSETS, 1, 2, 3, 4, 5, 0, ...header(4), ...OFFSETS, 6, 7, 8, 9]);
    const target = new Uint8Array(9);
    decompressLzx(source, target);
    expect([...target]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('refuses blocks that do not fit', () => {
    const block = (type: string, size: number): Uint8Array => Uint8Array.from(words(`${type}0${binary(size, 16)}`));
    expect(() => decompressLzx(block('011', 10), new Uint8Array(9))).toThrow(/a block of 10 bytes/);
    expect(() => decompressLzx(block('011', 0), new Uint8Array(9))).toThrow(/a block of 0 bytes/);
    expect(() => decompressLzx(block('011', 9), new Uint8Array(9))).toThrow(/ends too early|uncompressed/);
    expect(() => decompressLzx(block('000', 9), new Uint8Array(9))).toThrow(/block type 0/);
    expect(() => decompressLzx(block('001', 9), new Uint8Array(9))).toThrow(/codes are missing/);
    expect(() => decompressLzx(new Uint8Array(9), new Uint8Array(40_000))).toThrow(/at most 32768/);
  });
});

describe('undoCallTranslation', () => {
  it('makes absolute targets relative, not in the last ten bytes', () => {
    const data = new Uint8Array(30);
    const view = new DataView(data.buffer);
    for (const [at, value] of [
      [2, 100],
      [8, -3],
      [14, 12_000_000],
      [20, 7],
    ] as const) {
      data[at] = 0xe8;
      view.setInt32(at + 1, value, true);
    }
    undoCallTranslation(data);
    expect([3, 9, 15, 21].map((at) => view.getInt32(at, true))).toEqual([98, 11_999_997, 12_000_000, 7]);
  });
});

describe('any bytes', () => {
  it('give a value or a typed error, in bounded time', () => {
    let seed = 1;
    const random = (): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return seed >>> 8;
    };
    let errors = 0;
    for (let round = 0; round < 3000; round++) {
      const source = Uint8Array.from({ length: 260 + (random() % 800) }, () => random() & (round % 2 ? 0xff : 0x33));
      const decode = [decompressLznt1, decompressLzx, decompressXpressHuffman][round % 3];
      try {
        decode?.(source, new Uint8Array(4096));
      } catch (error) {
        errors++;
        expect((error as { code?: string }).code).toBe('VMC_CORRUPT');
      }
    }
    expect(errors).toBeGreaterThan(1000);
  });
});

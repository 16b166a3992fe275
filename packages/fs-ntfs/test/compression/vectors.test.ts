import { fromHex } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { describe, expect, it } from 'vitest';
import { decompressLznt1 } from '../../src/compression/lznt1.js';
import { decompressXpressHuffman } from '../../src/compression/xpress-huffman.js';

const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** A table of code lengths: zeros, but for bytes at places. */
function table(parts: readonly (readonly [number, string])[]): Uint8Array {
  const out = new Uint8Array(256);
  for (const [at, hex] of parts) out.set(fromHex(hex), at);
  return out;
}

describe('the examples of [MS-XCA] section 3', () => {
  it('LZ77+Huffman: the alphabet', () => {
    const lengths = table([
      [48, '50 55 55 55 55 55 55 55 55 55 55 45 44 04'],
      [128, '04'],
    ]);
    const bits = fromHex('d8 52 3e d7 94 11 5b e9 19 5f f9 d6 7c df 8d 04 00 00 00 00');
    const target = new Uint8Array(26);
    decompressXpressHuffman(Uint8Array.from([...lengths, ...bits]), target);
    expect(text(target)).toBe('abcdefghijklmnopqrstuvwxyz');
  });

  it('LZ77+Huffman: abc a hundred times', () => {
    const lengths = table([
      [48, '30 23'],
      [128, '02'],
      [143, '20'],
    ]);
    const target = new Uint8Array(300);
    decompressXpressHuffman(Uint8Array.from([...lengths, ...fromHex('a8 dc 00 00 ff 26 01')]), target);
    expect(text(target)).toBe('abc'.repeat(100));
  });

  it('LZNT1', () => {
    const source = fromHex(
      '38 b0 88 46 23 20 00 20 47 20 41 00 10 a2 47 01 a0 45 20 44 00 08 45 01 50 79 00 c0 45 20 05 24 13 88 05 b4 02 4a 44 ef 03 58 02 8c 09 16 01 48 45 00 be 00 9e 00 04 01 18 90 00',
    );
    const target = new Uint8Array(4096);
    const expected =
      'F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0';
    expect(text(target.subarray(0, decompressLznt1(source, target)))).toBe(expected);
  });
});

describe('damaged streams', () => {
  it('end in a typed error', () => {
    expect(() => decompressXpressHuffman(new Uint8Array(100), new Uint8Array(10))).toThrow(CorruptImageError);
    expect(() => decompressXpressHuffman(new Uint8Array(300), new Uint8Array(10))).toThrow(/codes are missing/);
    expect(() => decompressXpressHuffman(new Uint8Array(300).fill(0x11), new Uint8Array(10))).toThrow(/more codes/);
    expect(() => decompressLznt1(fromHex('ff bf 00'), new Uint8Array(4096))).toThrow(/past the data/);
    expect(() => decompressLznt1(fromHex('02 b0 01 00 00'), new Uint8Array(4096))).toThrow(/before its chunk/);
  });
});

import { describe, expect, it } from 'vitest';
import { crc32, crc32c, crc32cRaw } from '../../src/binary/index.js';

/** Bit by bit, as the polynomial division is defined. */
function reference(polynomial: number, seed: number, data: Uint8Array): number {
  let c = seed;
  for (const byte of data) {
    c ^= byte;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
  }
  return c >>> 0;
}

const CRC32 = 0xedb88320;
const CRC32C = 0x82f63b78;
const buffer = Uint8Array.from({ length: 160 }, (_, i) => (i * 151 + (i >> 3)) & 0xff);

describe('CRC-32 and CRC-32C', () => {
  it('give the check values of their specifications', () => {
    const digits = new TextEncoder().encode('123456789');
    expect(crc32(digits)).toBe(0xcbf43926);
    expect(crc32c(digits)).toBe(0xe3069283);
    // RFC 3720 appendix B.4.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  });

  it('are the division bit by bit, for every start and length', () => {
    for (let start = 0; start < 9; start++) {
      for (let length = 0; start + length <= 80; length++) {
        const data = buffer.subarray(start, start + length);
        expect(crc32cRaw(0x12345678, data)).toBe(reference(CRC32C, 0x12345678, data));
        expect(crc32(data)).toBe(~reference(CRC32, -1, data) >>> 0);
      }
    }
  });

  it('continue from an earlier value at any place', () => {
    const whole = crc32c(buffer);
    for (let cut = 0; cut <= buffer.length; cut++) {
      expect(crc32c(buffer.subarray(cut), crc32c(buffer.subarray(0, cut)))).toBe(whole);
    }
  });
});

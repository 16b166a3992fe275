import { CorruptImageError } from '@vmcraft/core/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareXattrs,
  decodeXattrs,
  encodeXattrs,
  type StoredXattr,
  xattrBlockHash,
  xattrEntryHash,
  xattrsSize,
} from '../src/xattr-codec.js';

const stored = fc
  .record({
    name: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    value: fc.uint8Array({ maxLength: 60 }),
    index: fc.constantFrom(1, 4, 6),
  })
  .map(({ name, value, index }): StoredXattr => ({ index, name, value, valueInode: 0, size: value.length, hash: 0 }));

describe('attribute areas', () => {
  it('decode what was encoded', () => {
    fc.assert(
      fc.property(fc.array(stored, { maxLength: 8 }), (list) => {
        const data = new Uint8Array(4096);
        const area = { entries: 32, base: 0, end: 32 + xattrsSize(list) };
        encodeXattrs(data, area, list);
        expect(decodeXattrs(data, area, 'test')).toEqual(list);
      }),
    );
  });

  it('never read outside, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 200 }), (data) => {
        try {
          for (const x of decodeXattrs(data, { entries: 4, base: 4, end: data.length }, 'test')) {
            expect(x.value.length).toBeLessThanOrEqual(data.length);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptImageError);
        }
      }),
    );
  });

  it('hash as the format says: five bits a character, sixteen a word of the value', () => {
    expect(xattrEntryHash(Uint8Array.of(0x61), Uint8Array.of(1, 0, 0, 0))).toBe(((0x61 << 16) ^ 1) >>> 0);
    const x: StoredXattr = {
      index: 1,
      name: Uint8Array.of(1),
      value: new Uint8Array(0),
      valueInode: 0,
      size: 0,
      hash: 5,
    };
    expect(xattrBlockHash([x, { ...x, hash: 7 }])).toBe(((5 << 16) ^ 7) >>> 0);
    expect(xattrBlockHash([x, { ...x, hash: 0 }])).toBe(0);
  });

  it('sort by prefix, length, bytes', () => {
    const make = (index: number, text: string): StoredXattr => ({
      index,
      name: new TextEncoder().encode(text),
      value: new Uint8Array(0),
      valueInode: 0,
      size: 0,
      hash: 0,
    });
    const sorted = [make(6, 'a'), make(1, 'bb'), make(1, 'c'), make(1, 'ab')].sort(compareXattrs);
    expect(sorted.map((x) => `${x.index}${new TextDecoder().decode(x.name)}`)).toEqual(['1c', '1ab', '1bb', '6a']);
  });
});

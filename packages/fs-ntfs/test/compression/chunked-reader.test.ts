import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { describe, expect, it } from 'vitest';
import { type ByteSource, ChunkedReader } from '../../src/compression/chunked-reader.js';
import { type ChunkFormat, wofFormat } from '../../src/compression/wof.js';

/** A "compression" that keeps every second byte, so that chunks are told apart without a real one. */
const HALVES: ChunkFormat = {
  name: 'halves',
  chunkSize: 4096,
  decompress: (source, target) => {
    for (let i = 0; i < target.length; i++) target[i] = source[i >> 1] as number;
  },
};

const plainByte = (at: number): number => ((at >> 1) * 31 + (at >> 12)) & 0xff;

/** The stream of a file of `size` bytes; every third chunk is stored plain. */
function pack(size: number): Uint8Array {
  const chunks = Math.ceil(size / HALVES.chunkSize);
  const stored: Uint8Array[] = [];
  for (let chunk = 0; chunk < chunks; chunk++) {
    const start = chunk * HALVES.chunkSize;
    const plain = Uint8Array.from({ length: Math.min(HALVES.chunkSize, size - start) }, (_, i) => plainByte(start + i));
    stored.push(chunk % 3 === 2 ? plain : plain.filter((_, i) => i % 2 === 0));
  }
  const table = new Uint32Array(Math.max(0, chunks - 1));
  let at = 0;
  for (let i = 0; i < table.length; i++) table[i] = at += (stored[i] as Uint8Array).length;
  return Buffer.concat([new Uint8Array(table.buffer), ...stored]);
}

function sourceOf(data: Uint8Array): ByteSource {
  return { size: data.length, read: async (offset, length) => data.subarray(offset, offset + length) };
}

describe('ChunkedReader', () => {
  it.each([1, 4096, 4097, 100_000, 9_000_001])('reads any part of %i bytes', async (size) => {
    const reader = new ChunkedReader(sourceOf(pack(size)), HALVES, size);
    const places = [0, 1, 4095, 4096, 50_000, 4_300_000, size - 5, size - 1, size].filter(
      (at) => at >= 0 && at <= size,
    );
    for (const offset of places) {
      for (const length of [0, 1, 10, 4096, 8192, 20_001]) {
        const found = await reader.read(offset, length);
        const expected = Uint8Array.from({ length: Math.min(length, size - offset) }, (_, i) => plainByte(offset + i));
        expect(Buffer.compare(found, expected), `${length} at ${offset}`).toBe(0);
      }
    }
  });

  it('refuses tables that lead out of the stream', async () => {
    const size = 100_000;
    const short = pack(size).subarray(0, 50_000);
    await expect(new ChunkedReader(sourceOf(short), HALVES, size).read(90_000, 100)).rejects.toThrow(CorruptImageError);
    const backwards = pack(size).slice();
    backwards.set([0xff, 0xff, 0xff, 0x7f], 8);
    await expect(new ChunkedReader(sourceOf(backwards), HALVES, size).read(0, size)).rejects.toThrow(/chunk \d/);
    expect(() => new ChunkedReader(sourceOf(short), HALVES, 2 ** 40)).toThrow(/shorter than its table/);
  });
});

describe('wofFormat', () => {
  const info = (...words: number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);

  it('names the four compressions', () => {
    const names = [0, 1, 2, 3].map((algorithm) => wofFormat(info(1, 2, 1, algorithm)).name);
    expect(names).toEqual(['XPRESS4K', 'LZX', 'XPRESS8K', 'XPRESS16K']);
  });

  it('refuses what is not in the volume, unknown or cut off', () => {
    expect(() => wofFormat(info(1, 1, 1, 0))).toThrow(/WIM archive/);
    expect(() => wofFormat(info(1, 3, 1, 0))).toThrow(UnsupportedFeatureError);
    expect(() => wofFormat(info(1, 2, 1, 9))).toThrow(/compression 9/);
    expect(() => wofFormat(info(2, 2, 1, 0))).toThrow(CorruptImageError);
    expect(() => wofFormat(info(1))).toThrow(CorruptImageError);
  });
});

import { CorruptImageError } from '@vmcraft/core/errors';
import { copyMatch } from './match.js';

const NAME = 'LZNT1 data';
const CITATION = '[MS-XCA] §2.5';
/** What one chunk decompresses to, in bytes. */
const CHUNK_BYTES = 4096;
const HEADER_BYTES = 2;
const SIZE_MASK = 0x0fff;
const COMPRESSED = 0x8000;
const MIN_MATCH = 3;
/** The displacement of a match never has fewer bits than this. */
const MIN_DISPLACEMENT_BITS = 4;

function broken(offset: number, reason: string): CorruptImageError {
  return new CorruptImageError({ structure: NAME, offset, reason, citation: CITATION });
}

/**
 * Decompress LZNT1 data ([MS-XCA] §2.5) into `target`. Where the chunks end before it is full, zeros follow.
 * @returns bytes that came out of chunks
 * @throws CorruptImageError when a chunk is damaged or there are more than fit
 */
export function decompressLznt1(source: Uint8Array, target: Uint8Array): number {
  let position = 0;
  let start = 0;
  let end = 0;
  while (start < target.length && position + HEADER_BYTES <= source.length) {
    const header = source[position]! | (source[position + 1]! << 8);
    if (header === 0) break;
    const from = position + HEADER_BYTES;
    const to = from + (header & SIZE_MASK) + 1;
    if (to > source.length) throw broken(position, 'a chunk ends past the data');
    const limit = Math.min(start + CHUNK_BYTES, target.length);
    const expand = (header & COMPRESSED) === 0 ? copyChunk : decodeChunk;
    end = expand(source, from, to, target, start, limit);
    target.fill(0, end, limit);
    position = to;
    start = limit;
  }
  target.fill(0, start);
  return end;
}

/** Gives the end of what came out, as {@link decodeChunk} does. */
function copyChunk(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  start: number,
  limit: number,
): number {
  if (to - from > limit - start) throw broken(from, 'a stored chunk is longer than its place');
  target.set(source.subarray(from, to), start);
  return start + to - from;
}

function decodeChunk(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  start: number,
  limit: number,
): number {
  let at = start;
  let position = from;
  let lengthBits = 16 - MIN_DISPLACEMENT_BITS;
  /** From here on a displacement takes one bit more. */
  let widen = start + (1 << MIN_DISPLACEMENT_BITS);
  while (position < to) {
    let flags = source[position++]! | 0x100;
    for (; flags !== 1 && position < to; flags >>>= 1) {
      if ((flags & 1) === 0) {
        if (at >= limit) throw broken(position, 'a chunk holds more than 4096 bytes');
        target[at++] = source[position++]!;
        continue;
      }
      if (position + 1 >= to) throw broken(position, 'a chunk ends within a match');
      const token = source[position]! | (source[position + 1]! << 8);
      position += 2;
      while (at > widen) {
        lengthBits--;
        widen = start + (1 << (16 - lengthBits));
      }
      const distance = (token >>> lengthBits) + 1;
      const length = (token & ((1 << lengthBits) - 1)) + MIN_MATCH;
      if (distance > at - start) throw broken(position, 'a match reaches before its chunk');
      if (length > limit - at) throw broken(position, 'a match reaches past its chunk');
      copyMatch(target, at, distance, length);
      at += length;
    }
  }
  return at;
}

import { CorruptImageError } from '@vmcraft/core/errors';
import { BitReader } from './bit-reader.js';
import { HuffmanDecoder } from './huffman.js';
import { copyMatch } from './match.js';

const NAME = 'XPRESS Huffman data';
const CITATION = '[MS-XCA] §2.2.4';
const SYMBOLS = 512;
/** Code lengths, two symbols a byte. */
const TABLE_BYTES = SYMBOLS / 2;
/** A new table follows when this many bytes have come out. */
const BLOCK_BYTES = 65536;
const MIN_MATCH = 3;
/** A length nibble or byte of all ones says that more follows. */
const LONG_NIBBLE = 15;
const LONG_BYTE = 255;

const lengths = new Uint8Array(SYMBOLS);
const decoder = new HuffmanDecoder(NAME, SYMBOLS);

/**
 * Decompress LZ77+Huffman data ([MS-XCA] §2.2; XPRESS4K, 8K and 16K of WOF and WIM) until `target` is full.
 * @throws CorruptImageError when the data is damaged or ends before `target` is full
 */
export function decompressXpressHuffman(source: Uint8Array, target: Uint8Array): void {
  let position = 0;
  for (let start = 0; start < target.length; start += BLOCK_BYTES) {
    position = decodeBlock(source, position, target, start, Math.min(start + BLOCK_BYTES, target.length));
  }
}

function broken(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: NAME, reason, citation: CITATION });
}

function readTable(source: Uint8Array, position: number): void {
  if (position + TABLE_BYTES > source.length) throw broken('the stream ends within a table of code lengths');
  for (let i = 0; i < TABLE_BYTES; i++) {
    const pair = source[position + i]!;
    lengths[2 * i] = pair & 15;
    lengths[2 * i + 1] = pair >>> 4;
  }
  decoder.build(lengths);
}

/** A match that began in the block before may reach over its end; the next table comes then. Gives the position behind the block. */
function decodeBlock(source: Uint8Array, position: number, target: Uint8Array, start: number, end: number): number {
  readTable(source, position);
  const reader = new BitReader(NAME, source, position + TABLE_BYTES);
  let at = start;
  while (at < end) {
    const found = decoder.decode(reader.peek16());
    reader.skip(found & 31);
    const symbol = found >>> 5;
    if (symbol < 256) {
      target[at++] = symbol;
      continue;
    }
    reader.peek16();
    const offsetBits = (symbol >>> 4) & 15;
    const distance = (1 << offsetBits) | reader.take(offsetBits);
    const length = matchLength(reader, symbol & 15);
    if (distance > at) throw broken(`a match reaches ${distance - at} bytes before the beginning`);
    if (length > end - at) throw broken('a match is longer than what is left to fill');
    copyMatch(target, at, distance, length);
    at += length;
  }
  reader.checkEnd();
  // The compressor keeps room for two words ahead of its bits: the next table lies behind both.
  reader.peek16();
  return reader.position;
}

function matchLength(reader: BitReader, nibble: number): number {
  if (nibble < LONG_NIBBLE) return nibble + MIN_MATCH;
  const byte = reader.byte();
  if (byte < LONG_BYTE) return byte + LONG_NIBBLE + MIN_MATCH;
  const length = reader.u16() || reader.u32();
  if (length < LONG_NIBBLE) throw broken(`a long match of ${length} bytes`);
  return length + MIN_MATCH;
}

import { CorruptImageError } from '@vmcraft/core/errors';
import type { BitReader } from './bit-reader.js';
import { HuffmanDecoder } from './huffman.js';
import { LZX_NAME } from './lzx-constants.js';

const STRUCTURE = `${LZX_NAME} code lengths`;
const PRETREE_SYMBOLS = 20;
/** Code lengths are 0..16, given as differences modulo this. */
const MODULUS = 17;
/** 4..19 zeros. */
const SHORT_ZEROS = 17;
/** 20..51 zeros. */
const LONG_ZEROS = 18;

const pretree = new HuffmanDecoder(`${LZX_NAME} pretree`, PRETREE_SYMBOLS);
const pretreeLengths = new Uint8Array(PRETREE_SYMBOLS);

function decodeSymbol(reader: BitReader): number {
  const found = pretree.decode(reader.peek16());
  reader.skip(found & 31);
  return found >>> 5;
}

/**
 * Read lengths of codes `from` to `to`, which are differences from what `lengths` holds of the block before. [MS-PATCH] §2.5
 * @throws CorruptImageError when a run reaches past `to` or the pretree is no code
 */
export function readCodeLengths(reader: BitReader, lengths: Uint8Array, from: number, to: number): void {
  for (let i = 0; i < PRETREE_SYMBOLS; i++) pretreeLengths[i] = reader.take(4);
  pretree.build(pretreeLengths);
  for (let at = from; at < to; ) {
    const symbol = decodeSymbol(reader);
    if (symbol < SHORT_ZEROS) {
      lengths[at] = (lengths[at]! - symbol + MODULUS) % MODULUS;
      at++;
      continue;
    }
    let run: number;
    let value = 0;
    if (symbol === SHORT_ZEROS) run = 4 + reader.take(4);
    else if (symbol === LONG_ZEROS) run = 20 + reader.take(5);
    else {
      run = 4 + reader.take(1);
      const difference = decodeSymbol(reader);
      if (difference > 16) throw new CorruptImageError({ structure: STRUCTURE, reason: 'a run of runs' });
      value = (lengths[at]! - difference + MODULUS) % MODULUS;
    }
    if (run > to - at)
      throw new CorruptImageError({ structure: STRUCTURE, reason: 'a run reaches past the last code' });
    lengths.fill(value, at, at + run);
    at += run;
  }
}

import { CorruptImageError } from '@vmcraft/core/errors';
import { BitReader } from './bit-reader.js';
import { HuffmanDecoder } from './huffman.js';
import { readCodeLengths } from './lzx-code-lengths.js';
import {
  ALIGNED_BITS,
  ALIGNED_SYMBOLS,
  BLOCK_ALIGNED,
  BLOCK_UNCOMPRESSED,
  BLOCK_VERBATIM,
  DEFAULT_BLOCK_BYTES,
  EXTRA_BITS,
  LENGTH_SYMBOLS,
  LITERALS,
  LZX_NAME,
  MAIN_SYMBOLS,
  MAX_CHUNK_BYTES,
  MIN_MATCH,
  OFFSET_BASES,
  PRIMARY_LENGTHS,
} from './lzx-constants.js';
import { undoCallTranslation } from './lzx-e8.js';
import { copyMatch } from './match.js';

const mainCode = new HuffmanDecoder(`${LZX_NAME} main code`, MAIN_SYMBOLS);
const lengthCode = new HuffmanDecoder(`${LZX_NAME} length code`, LENGTH_SYMBOLS);
const alignedCode = new HuffmanDecoder(`${LZX_NAME} aligned code`, ALIGNED_SYMBOLS);
const mainLengths = new Uint8Array(MAIN_SYMBOLS);
const lengthLengths = new Uint8Array(LENGTH_SYMBOLS);
const alignedLengths = new Uint8Array(ALIGNED_SYMBOLS);

function broken(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: LZX_NAME, reason, citation: '[MS-PATCH] §2, WIM format' });
}

/**
 * Decompress one LZX chunk of WIM and WOF (window of 32 KiB, x86 call translation always on) until `target` is full.
 * @throws CorruptImageError when the data is damaged or ends before `target` is full
 */
export function decompressLzx(source: Uint8Array, target: Uint8Array): void {
  if (target.length > MAX_CHUNK_BYTES) throw broken(`a chunk of ${target.length} bytes, at most 32768 can be`);
  mainLengths.fill(0);
  lengthLengths.fill(0);
  const reader = new BitReader(LZX_NAME, source);
  const recent = new Int32Array([1, 1, 1]);
  for (let at = 0; at < target.length; ) {
    const type = reader.take(3);
    const size = reader.take(1) === 1 ? DEFAULT_BLOCK_BYTES : reader.take(16);
    if (size === 0 || size > target.length - at)
      throw broken(`a block of ${size} bytes with ${target.length - at} left`);
    if (type === BLOCK_UNCOMPRESSED) copyBlock(reader, target, at, size, recent);
    else if (type === BLOCK_VERBATIM || type === BLOCK_ALIGNED) {
      readCodes(reader, type === BLOCK_ALIGNED);
      decodeBlock(reader, target, at, at + size, recent, type === BLOCK_ALIGNED);
    } else throw broken(`block type ${type}`);
    at += size;
    reader.checkEnd();
  }
  undoCallTranslation(target);
}

function readCodes(reader: BitReader, aligned: boolean): void {
  if (aligned) {
    for (let i = 0; i < ALIGNED_SYMBOLS; i++) alignedLengths[i] = reader.take(3);
    alignedCode.build(alignedLengths);
  }
  readCodeLengths(reader, mainLengths, 0, LITERALS);
  readCodeLengths(reader, mainLengths, LITERALS, MAIN_SYMBOLS);
  mainCode.build(mainLengths);
  readCodeLengths(reader, lengthLengths, 0, LENGTH_SYMBOLS);
  lengthCode.build(lengthLengths, true);
}

function copyBlock(reader: BitReader, target: Uint8Array, at: number, size: number, recent: Int32Array): void {
  reader.alignToWord();
  for (let i = 0; i < recent.length; i++) recent[i] = reader.u32();
  const { position, source } = reader;
  if (position + size > source.length) throw broken('the stream ends within an uncompressed block');
  target.set(source.subarray(position, position + size), at);
  reader.position = position + size + (size & 1);
}

function decodeBlock(
  reader: BitReader,
  target: Uint8Array,
  start: number,
  end: number,
  recent: Int32Array,
  aligned: boolean,
): void {
  let at = start;
  while (at < end) {
    const found = mainCode.decode(reader.peek16());
    reader.skip(found & 31);
    const symbol = found >>> 5;
    if (symbol < LITERALS) {
      target[at++] = symbol;
      continue;
    }
    let length = symbol & PRIMARY_LENGTHS;
    if (length === PRIMARY_LENGTHS) length += decodeSymbol(reader, lengthCode);
    length += MIN_MATCH;
    const distance = matchDistance(reader, (symbol - LITERALS) >>> 3, recent, aligned);
    if (distance <= 0 || distance > at) throw broken('a match reaches before the chunk');
    if (length > end - at) throw broken('a match reaches past its block');
    copyMatch(target, at, distance, length);
    at += length;
  }
}

function decodeSymbol(reader: BitReader, code: HuffmanDecoder): number {
  const found = code.decode(reader.peek16());
  reader.skip(found & 31);
  return found >>> 5;
}

/** The distance for a position slot; the three most recent ones are kept in order. [MS-PATCH] §2.3 "repeated offsets". */
function matchDistance(reader: BitReader, slot: number, recent: Int32Array, aligned: boolean): number {
  if (slot < 3) {
    const repeated = recent[slot]!;
    recent[slot] = recent[0]!;
    recent[0] = repeated;
    return repeated;
  }
  const extra = EXTRA_BITS[slot]!;
  let distance = OFFSET_BASES[slot]!;
  if (aligned && extra >= ALIGNED_BITS) {
    distance += reader.take(extra - ALIGNED_BITS) << ALIGNED_BITS;
    distance += decodeSymbol(reader, alignedCode);
  } else distance += reader.take(extra);
  recent[2] = recent[1]!;
  recent[1] = recent[0]!;
  recent[0] = distance;
  return distance;
}

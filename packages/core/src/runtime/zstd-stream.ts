import { Decompress } from 'fzstd';
import { ByteReader } from '../guest/byte-reader.js';
import { Xxhash64 } from './xxhash64.js';

/** RFC 8878, 3.1.1: magic number of a frame; 3.1.2: of frames to skip, in the upper 28 bits. */
const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a5;
/** RFC 8878, 3.1.1.1: sizes of the fields that the descriptor byte announces. */
const CONTENT_SIZE = [0, 2, 4, 8];
const DICTIONARY_ID = [0, 1, 2, 4];
const RLE_BLOCK = 1;

/** zstd frames one after the other, for Node without zstd. The library leaves checksums alone, so they are compared here. */
export async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(source);
  try {
    for (;;) {
      const head = await reader.peek(5);
      if (head.length === 0) return;
      if (head.length < 5) throw new Error('ends within a frame header');
      const magic = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
      if (magic >>> 4 === SKIPPABLE) await skipFrame(reader);
      else if (magic === FRAME) yield* readFrame(reader, head[4]!);
      else throw new Error('not a zstd frame');
    }
  } finally {
    await reader.close();
  }
}

async function skipFrame(reader: ByteReader): Promise<void> {
  const header = await take(reader, 8);
  const size = new DataView(header.buffer, header.byteOffset).getUint32(4, true);
  if (!(await reader.skip(size))) throw new Error('ends within a skippable frame');
}

async function* readFrame(reader: ByteReader, descriptor: number): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => chunks.push(chunk));
  const hash = (descriptor & 4) !== 0 ? new Xxhash64() : undefined;
  const given = function* (): Generator<Uint8Array> {
    for (const chunk of chunks.splice(0)) {
      hash?.update(chunk);
      yield chunk;
    }
  };
  decoder.push((await take(reader, 5 + headerRest(descriptor))).slice());
  for (let isLast = false; !isLast; ) {
    const header = await take(reader, 3);
    const word = header[0]! | (header[1]! << 8) | (header[2]! << 16);
    isLast = (word & 1) !== 0;
    decoder.push(header.slice());
    const size = ((word >> 1) & 3) === RLE_BLOCK ? 1 : word >>> 3;
    decoder.push((await take(reader, size)).slice(), isLast && hash === undefined);
    yield* given();
  }
  if (hash === undefined) return;
  const sum = await take(reader, 4);
  decoder.push(sum.slice(), true);
  yield* given();
  const stored = new DataView(sum.buffer, sum.byteOffset).getUint32(0, true);
  if (stored !== Number(BigInt.asUintN(32, hash.digest()))) throw new Error('the checksum of a frame does not match');
}

/** Bytes of the frame header after the descriptor. */
function headerRest(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentSize = CONTENT_SIZE[descriptor >> 6]!;
  const window = isSingleSegment ? 0 : 1;
  return window + DICTIONARY_ID[descriptor & 3]! + (isSingleSegment && contentSize === 0 ? 1 : contentSize);
}

async function take(reader: ByteReader, length: number): Promise<Uint8Array> {
  const bytes = await reader.take(length);
  if (bytes === undefined) throw new Error('ends within a frame');
  return bytes;
}

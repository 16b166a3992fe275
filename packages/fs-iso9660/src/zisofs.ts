import { equalBytes, toSafeInteger, viewOf } from '@vmcraft/core/binary';
import type { BlockCodecs } from '@vmcraft/core/contracts';
import { CorruptImageError, LimitExceededError, messageOf } from '@vmcraft/core/errors';
import { unzlibSync } from 'fflate';
import { ZISOFS_MAGIC_1, ZISOFS_MAGIC_2 } from './layout.js';
import type { Zisofs } from './rock-ridge.js';

/** Reads a span of the file's stored contents; shorter only at their end. */
export type ReadStored = (offset: number, length: number) => Promise<Uint8Array>;

/** zlib of the host, or the library's. */
export function inflateWith(codecs: BlockCodecs | undefined): BlockCodecs['inflate'] {
  return codecs?.inflate ?? ((data, limit) => unzlibSync(data, { out: new Uint8Array(limit) }));
}

/**
 * A block of a file that zisofs compressed (`zisofs_format.txt`): after the header comes a table of offsets, one more than there are
 * blocks; two equal offsets stand for a block of zeros.
 * @param index 0-based number of the block
 * @throws CorruptImageError
 */
export async function readZisofsBlock(
  zisofs: Zisofs,
  index: number,
  read: ReadStored,
  inflate: BlockCodecs['inflate'],
): Promise<Uint8Array> {
  const { version, headerSize, blockSize, size } = zisofs;
  const width = version === 1 ? 4 : 8;
  const pointers = viewOf(await read(headerSize + index * width, 2 * width));
  if (pointers.byteLength < 2 * width) throw broken('a block pointer lies outside the file');
  const at = (i: number): number =>
    version === 1 ? pointers.getUint32(i * 4, true) : toSafeInteger(pointers.getBigUint64(i * 8, true), 'pointer');
  const length = at(1) - at(0);
  const expected = Math.min(blockSize, size - index * blockSize);
  if (length === 0) return new Uint8Array(expected);
  if (length < 0 || length > 2 * blockSize) throw broken(`block ${index} has ${length} packed bytes`);
  let out: Uint8Array;
  try {
    out = inflate(await read(at(0), length), blockSize);
  } catch (error) {
    if (error instanceof LimitExceededError) throw error;
    throw broken(`block ${index}: ${messageOf(error)}`);
  }
  if (out.length !== expected) throw broken(`block ${index} unpacks to ${out.length} bytes, not ${expected}`);
  return out;
}

/** Whether the contents begin as the ZF entry says. @throws CorruptImageError */
export async function checkZisofsHeader(zisofs: Zisofs, read: ReadStored): Promise<void> {
  const magic = zisofs.version === 1 ? ZISOFS_MAGIC_1 : ZISOFS_MAGIC_2;
  if (!equalBytes(await read(0, magic.length), magic)) throw broken('the contents do not begin with its magic');
}

function broken(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'zisofs file', reason });
}

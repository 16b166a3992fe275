import { promisify } from 'node:util';
import { inflate, inflateRaw } from 'node:zlib';
import { CorruptImageError, messageOf } from '@vmcraft/core';
import { decompress } from 'fzstd';
import { zstdFrame } from './zstd-frame.js';

const inflateRawAsync = promisify(inflateRaw);
const inflateAsync = promisify(inflate);

/** How a unit is compressed: bare DEFLATE (RFC 1951), zlib (RFC 1950), Zstandard (RFC 8878). */
export type Packing = 'deflate' | 'zlib' | 'zstd';

/**
 * Unpack one unit. Bytes after the end of the compressed stream are ignored: formats give its length in sectors only.
 * @param size bytes of the unpacked unit; exactly so many are returned
 * @param shortOk the stream may hold less; the rest is zeros
 * @throws CorruptImageError when the stream is broken or of another length
 */
export async function unpackUnit(
  packing: Packing,
  data: Uint8Array,
  size: number,
  at: number,
  shortOk = false,
): Promise<Uint8Array> {
  let out: Uint8Array;
  try {
    out = packing === 'zstd' ? unpackZstd(data, size) : await unpackZlib(packing, data, size);
  } catch (error) {
    const reason = `${packing} stream: ${messageOf(error)}`;
    throw new CorruptImageError({ structure: 'compressed cluster', offset: at, reason }, error);
  }
  if (out.length === size) return out;
  if (out.length > size || !shortOk) {
    const found = { expected: size, found: out.length };
    throw new CorruptImageError({ structure: 'compressed cluster', field: 'length', offset: at, ...found });
  }
  const padded = new Uint8Array(size);
  padded.set(out);
  return padded;
}

/** One output chunk of the whole size spares the library joining chunks. */
async function unpackZlib(packing: 'deflate' | 'zlib', data: Uint8Array, size: number): Promise<Uint8Array> {
  const options = { maxOutputLength: size, chunkSize: Math.max(64, size) };
  return packing === 'deflate' ? inflateRawAsync(data, options) : inflateAsync(data, options);
}

function unpackZstd(data: Uint8Array, size: number): Uint8Array {
  const frame = zstdFrame(data);
  if (frame.contentSize !== undefined && frame.contentSize !== size) {
    throw new Error(`content size is ${frame.contentSize}, expected ${size}`);
  }
  // With a buffer given, memory does not depend on the window that the frame asks for.
  return decompress(data.subarray(0, frame.length), new Uint8Array(size));
}

import { CorruptImageError } from '@vmcraft/core/errors';
import { type Extent, readFork, verifyFork } from './extents.js';
import { REMOTE_CHECKSUM, RemoteHeader, SYMLINK_MAGIC } from './layout.js';
import type { Volume } from './volume.js';

/**
 * Bytes that lie in blocks of their own: values of attributes (chapter 19.4) and targets of symbolic links (chapter 20.2). In version 5
 * each block begins with a header.
 * @param start first block of the fork
 * @param length bytes of the value
 */
export async function readRemote(
  volume: Volume,
  extents: readonly Extent[],
  start: number,
  length: number,
  magic: number,
): Promise<Uint8Array> {
  const { blockSize, isChecked } = volume;
  if (!isChecked) return readFork(volume, extents, start * blockSize, length);
  const structure = magic === SYMLINK_MAGIC ? 'xfs_dsymlink_hdr' : RemoteHeader.name;
  const out = new Uint8Array(length);
  const perBlock = blockSize - RemoteHeader.size;
  for (let done = 0, block = start; done < length; done += perBlock, block++) {
    const data = await readFork(volume, extents, block * blockSize, blockSize);
    const header = RemoteHeader.decode(data);
    if (header.magic !== magic) {
      throw new CorruptImageError({
        structure,
        field: 'magic',
        found: header.magic,
        expected: magic,
      });
    }
    verifyFork(volume, extents, block * blockSize, data, REMOTE_CHECKSUM, structure);
    out.set(data.subarray(RemoteHeader.size, RemoteHeader.size + Math.min(perBlock, length - done)), done);
  }
  return out;
}

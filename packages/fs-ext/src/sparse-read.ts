import type { FileExtent } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { mapBlocks } from './block-map.js';
import type { Inode } from './inode.js';
import { FL } from './layout.js';
import type { Volume } from './volume.js';

/** Runs of a file in order: data, holes, and space that is allocated but unwritten. @throws FsError EISDIR, EINVAL */
export async function* fileExtents(volume: Volume, inode: Inode): AsyncGenerator<FileExtent> {
  if (inode.isDirectory) throw new FsError('EISDIR', { operation: 'extents', path: `inode ${inode.ino}` });
  if (!inode.isRegular) throw new FsError('EINVAL', { operation: 'extents', path: `inode ${inode.ino}` });
  const { size } = inode;
  if (size === 0) return;
  if (inode.has(FL.INLINE_DATA)) {
    yield { offset: 0, length: size, kind: 'data' };
    return;
  }
  const { blockSize } = volume.geometry;
  const end = Math.min(Math.ceil(size / blockSize), 0xffffffff);
  let pending: { offset: number; length: number; kind: FileExtent['kind'] } | undefined;
  for (let at = 0; at < end; ) {
    const run = await mapBlocks(volume, inode, at, end - at);
    const kind = run.physical === 0 ? 'hole' : run.unwritten ? 'unwritten' : 'data';
    const offset = at * blockSize;
    const length = Math.min((at + run.length) * blockSize, size) - offset;
    if (pending?.kind === kind) pending.length += length;
    else {
      if (pending !== undefined) yield pending;
      pending = { offset, length, kind };
    }
    at += run.length;
  }
  if (pending !== undefined) yield pending;
}

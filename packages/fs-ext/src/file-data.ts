import type { IoOptions } from '@vmcraft/core/contracts';
import { CorruptImageError, LimitExceededError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { mapBlocks } from './block-map.js';
import { inlineContent } from './inline-data.js';
import type { Inode } from './inode.js';
import { FL } from './layout.js';
import type { Volume } from './volume.js';

/** Most bytes asked of the device at once. */
const MAX_RUN = 1024 * 1024;
/** Reads of this many bytes go past the page cache: their neighbours will not be asked for again. */
const BULK = 128 * 1024;
/** Most bytes one call returns. */
const MAX_READ = 1024 * 1024 * 1024;

/** Refuse contents that are encrypted. @throws UnsupportedFeatureError */
export function requireReadable(inode: Inode): void {
  if (!inode.has(FL.ENCRYPT)) return;
  throw new UnsupportedFeatureError({
    feature: `encrypted contents (inode ${inode.ino})`,
    structure: 'ext4 encrypt',
    workaround: 'the key is needed, which VMCraft does not take',
  });
}

/** Bytes [offset, offset + length) of a file, cut at its end; holes and unwritten blocks are zeros. */
export async function readContent(
  volume: Volume,
  inode: Inode,
  offset: number,
  length: number,
  options?: IoOptions,
): Promise<Uint8Array> {
  const size = inode.size;
  const end = Math.min(offset + length, size);
  if (end <= offset) return new Uint8Array(0);
  if (end - offset > MAX_READ) {
    throw new LimitExceededError({ limit: 'bytes of one read', value: end - offset, max: MAX_READ });
  }
  if (inode.has(FL.INLINE_DATA)) return inlineContent(inode).slice(offset, end);
  const { blockSize } = volume.geometry;
  const first = Math.floor(offset / blockSize);
  const last = Math.floor((end - 1) / blockSize);
  if (last > 0xffffffff) {
    throw new CorruptImageError({ structure: 'ext4_inode', field: 'i_size', found: size, reason: `size ${size}` });
  }
  const run = await mapBlocks(volume, inode, first, last - first + 1);
  if (run.length === last - first + 1 && run.physical !== 0 && !run.unwritten && end - offset <= MAX_RUN) {
    const at = run.physical * blockSize + (offset - first * blockSize);
    return volume.store.device.read(at, end - offset, bulkOptions(end - offset, options));
  }
  const out = new Uint8Array(end - offset);
  let logical = first;
  for (let part = run; ; part = await mapBlocks(volume, inode, logical, last - logical + 1)) {
    const from = Math.max(logical * blockSize, offset);
    const to = Math.min((logical + part.length) * blockSize, end);
    if (part.physical !== 0 && !part.unwritten) {
      const at = part.physical * blockSize + (from - logical * blockSize);
      await readInto(volume, at, out.subarray(from - offset, to - offset), options);
    }
    logical += part.length;
    if (logical > last) return out;
  }
}

async function readInto(volume: Volume, at: number, out: Uint8Array, options?: IoOptions): Promise<void> {
  for (let done = 0; done < out.length; ) {
    const length = Math.min(MAX_RUN, out.length - done);
    out.set(await volume.store.device.read(at + done, length, bulkOptions(out.length, options)), done);
    done += length;
  }
}

function bulkOptions(length: number, options: IoOptions | undefined): IoOptions | undefined {
  return length >= BULK ? { ...options, bulk: true } : options;
}

import { CorruptImageError } from '@vmcraft/core/errors';
import { blockBitmap } from './bitmap.js';
import { blocksInGroup, firstBlockOf } from './geometry.js';
import type { Volume } from './volume.js';

/** Free runs of the file system in bytes, in order; neighbours in different groups are joined. */
export async function* freeExtents(volume: Volume): AsyncGenerator<{ offset: number; length: number }> {
  const { geometry } = volume;
  const { blockSize, clusterRatio } = geometry;
  let start = 0;
  let end = 0;
  for (let group = 0; group < geometry.groupCount; group++) {
    const first = firstBlockOf(geometry, group);
    const limit = first + blocksInGroup(geometry, group);
    const bits = await blockBitmap(volume, group);
    const clusters = Math.ceil((limit - first) / clusterRatio);
    if (bits.length * 8 < clusters) throw new CorruptImageError({ structure: 'block bitmap', reason: 'too short' });
    for (let at = 0; at < clusters; ) {
      const free = (bits[at >> 3]! & (1 << (at & 7))) === 0;
      const next = runEnd(bits, at, clusters, free);
      if (free) {
        const from = first + at * clusterRatio;
        if (from !== end) {
          if (end > start) yield { offset: start * blockSize, length: (end - start) * blockSize };
          start = from;
        }
        end = Math.min(first + next * clusterRatio, limit);
      }
      at = next;
    }
  }
  if (end > start) yield { offset: start * blockSize, length: (end - start) * blockSize };
}

/** End of the run of equal bits that begins at `at`. */
export function runEnd(bits: Uint8Array, at: number, limit: number, free: boolean): number {
  const whole = free ? 0 : 0xff;
  let i = at + 1;
  while (i < limit) {
    if ((i & 7) === 0 && bits[i >> 3] === whole) {
      i += 8;
      continue;
    }
    if (((bits[i >> 3]! & (1 << (i & 7))) === 0) !== free) return i;
    i += 1;
  }
  return Math.min(i, limit);
}

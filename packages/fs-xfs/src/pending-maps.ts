import { CorruptImageError } from '@vmcraft/core/errors';
import type { Extent } from './extents.js';
import { type ForkKind, positionOf } from './fork-place.js';
import type { PendingMap } from './log-intents.js';
import type { Volume } from './volume.js';

/** Extents of a fork after the changes that the log promised; mounting would make them, in this order. @throws CorruptImageError */
export function finishMaps(
  volume: Volume,
  extents: readonly Extent[],
  maps: readonly PendingMap[],
  kind: ForkKind = 'data',
): readonly Extent[] {
  let out = [...extents];
  for (const map of maps) {
    const offset = Number(map.offset) * volume.blockSize;
    const length = map.length * volume.blockSize;
    if (map.length === 0 || !Number.isSafeInteger(offset + length)) throw malformed(map);
    out = out.flatMap((extent) => without(extent, offset, offset + length));
    if (!map.isMap) continue;
    if (map.isRealtime !== (kind === 'realtime')) throw malformed(map);
    const position = positionOf({ volume, kind }, map.block, length, 'xfs_map_extent');
    const at = out.findIndex((extent) => extent.offset > offset);
    out.splice(at === -1 ? out.length : at, 0, { offset, length, position, isUnwritten: map.isUnwritten });
  }
  return out;
}

/** What is left of an extent when a span of the file is taken out. */
function without(extent: Extent, from: number, to: number): Extent[] {
  const end = extent.offset + extent.length;
  if (end <= from || extent.offset >= to) return [extent];
  const parts: Extent[] = [];
  if (extent.offset < from) parts.push({ ...extent, length: from - extent.offset });
  if (end > to) parts.push({ ...extent, offset: to, length: end - to, position: extent.position + to - extent.offset });
  return parts;
}

function malformed({ offset, length }: PendingMap): CorruptImageError {
  const reason = `${length} blocks at block ${offset} of a file cannot be promised`;
  return new CorruptImageError({ structure: 'xfs_map_extent', reason });
}

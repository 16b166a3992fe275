import { toSafeInteger } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { blockOffset, type Volume } from './volume.js';

/** Which fork it is; that of contents may be on the realtime section. */
export type ForkKind = 'data' | 'attributes' | 'realtime';

/** A fork of a volume. */
export interface ForkPlace {
  readonly volume: Volume;
  readonly kind: ForkKind;
}

/** Where a run of blocks begins, bytes: realtime blocks are counted through. @throws CorruptImageError */
export function positionOf({ volume, kind }: ForkPlace, block: bigint, length: number, structure: string): number {
  const isRealtime = kind === 'realtime';
  const size = isRealtime
    ? toSafeInteger(volume.superblock.realtimeBlocks, 'rblocks') * volume.blockSize
    : volume.device.size;
  const position = isRealtime ? Number(block) * volume.blockSize : blockOffset(volume, block, structure);
  if (position + length <= size) return position;
  const reason = `an extent ends past the ${isRealtime ? 'realtime section' : 'device'}`;
  throw new CorruptImageError({ structure, field: 'length', found: length, reason });
}

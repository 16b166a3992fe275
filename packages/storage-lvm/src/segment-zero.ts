import { MemoryDevice } from '@vmcraft/core/block';
import type { BlockDevice } from '@vmcraft/core/contracts';
import type { SegmentContext } from './volume-builder.js';

/** Segment `zero`: nothing but zeros, whatever is written. */
export async function openZero({ bytes }: SegmentContext): Promise<BlockDevice> {
  return new MemoryDevice(bytes, { writable: false });
}

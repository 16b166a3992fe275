import type { Timestamp } from '@vmcraft/core/contracts';
import type { BlockAllocator } from './allocator.js';
import type { InodeAllocator } from './inode-allocator.js';
import type { Volume } from './volume.js';
import type { XattrSharing } from './xattr-sharing.js';

/** What the parts of one changing operation share. */
export interface Change {
  readonly volume: Volume;
  readonly blocks: BlockAllocator;
  readonly inodes: InodeAllocator;
  readonly sharing: XattrSharing;
  /** The time the operation gives to what it touches. */
  readonly now: Timestamp;
}

/** The clock, in the resolution it has. */
export function currentTime(): Timestamp {
  const ms = Date.now();
  return { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1_000_000 };
}

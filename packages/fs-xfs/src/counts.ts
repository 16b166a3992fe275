import { toSafeInteger } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { FreeSpace, FreeSpaceMagic, InodeInformation } from './layout.js';
import { ReplayOverlay } from './replay-overlay.js';
import type { Volume } from './volume.js';

/** How much is used, and how much is free. */
export interface Counts {
  /** File-system blocks. */
  readonly blocksFree: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/**
 * Counts of the superblock; where a log was replayed those of the allocation groups, since the superblock's are written at unmounting
 * only (chapter 12, "lazy superblock counters").
 * @throws CorruptImageError
 */
export async function readCounts(volume: Volume): Promise<Counts> {
  const { dataBlocksFree, inodeCount, inodesFree } = volume.superblock;
  if (volume.device instanceof ReplayOverlay) return sumOfGroups(volume);
  return {
    blocksFree: toSafeInteger(dataBlocksFree, 'fdblocks'),
    inodes: toSafeInteger(inodeCount, 'icount'),
    inodesFree: toSafeInteger(inodesFree, 'ifree'),
  };
}

async function sumOfGroups({ device, superblock, blockSize }: Volume): Promise<Counts> {
  const { agCount, agBlocks, sectorSize, dataBlocks } = superblock;
  const sum = { blocksFree: 0, inodes: 0, inodesFree: 0 };
  if (BigInt(agCount) > dataBlocks / BigInt(agBlocks) + 1n) throw malformed(0, 'there are more groups than blocks');
  for (let group = 0; group < agCount; group++) {
    const start = group * agBlocks * blockSize;
    const head = await device.read(start, 3 * sectorSize);
    const space = FreeSpace.decode(head, sectorSize);
    const inodes = InodeInformation.decode(head, 2 * sectorSize);
    if (space.magic !== FreeSpaceMagic.space || inodes.magic !== FreeSpaceMagic.inodes) {
      throw malformed(start, 'the headers of an allocation group are missing');
    }
    sum.blocksFree += space.free + space.listed + space.trees;
    sum.inodes += inodes.count;
    sum.inodesFree += inodes.free;
  }
  return sum;
}

function malformed(offset: number, reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'xfs_agf', offset, reason });
}

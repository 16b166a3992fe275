import { toSafeInteger } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { FREE_SPACE_CHECKSUM, FreeSpace, FreeSpaceMagic, InodeInformation } from './layout.js';
import { isReplayed, ReplayOverlay } from './replay-overlay.js';
import { type Volume, verifyChecksum } from './volume.js';

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

async function sumOfGroups(volume: Volume): Promise<Counts> {
  const { device, superblock, blockSize } = volume;
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
    verifyHeader(volume, head, start, 1, FREE_SPACE_CHECKSUM.space, FreeSpace.name);
    verifyHeader(volume, head, start, 2, FREE_SPACE_CHECKSUM.inodes, InodeInformation.name);
    sum.blocksFree += space.free + space.listed + space.trees;
    sum.inodes += inodes.count;
    sum.inodesFree += inodes.free;
  }
  return sum;
}

/** A header of an allocation group has a sector of its own, and a checksum that holds as long as replay did not change it. */
function verifyHeader(volume: Volume, head: Uint8Array, start: number, sector: number, at: number, name: string): void {
  const { sectorSize } = volume.superblock;
  const offset = start + sector * sectorSize;
  if (!volume.isChecked || isReplayed(volume.device, offset, sectorSize)) return;
  verifyChecksum(head.subarray(sector * sectorSize, (sector + 1) * sectorSize), at, name, offset);
}

function malformed(offset: number, reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'xfs_agf', offset, reason });
}

import type { BlockDevice, FsOpenOptions } from '@vmcraft/core/contracts';
import { ExtFileSystem } from './file-system.js';
import { COMPAT, INCOMPAT, STATE_ERROR } from './layout.js';
import type { Superblock } from './superblock.js';
import { openVolume, type Volume } from './volume.js';

/** Why a file system cannot be written, or undefined. */
function obstacleOf(device: BlockDevice, superblock: Superblock): string | undefined {
  if (!device.writable) return 'its device is read-only';
  const features = superblock.writeObstacles();
  if (features.length > 0) return `it has ${features.join(', ')}, which VMCraft does not keep up`;
  const { blocksCount, blockSize } = superblock.geometry;
  if (blocksCount * blockSize > device.size) return 'its device is shorter than it';
  return undefined;
}

/**
 * Open an ext2, ext3 or ext4 file system. A journal that needs it is replayed: in memory when read-only, for real when writable;
 * then orphans are dealt with as well.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, LockedError
 */
export async function openExt(device: BlockDevice, options: FsOpenOptions): Promise<ExtFileSystem> {
  const volume = await openVolume(device, options);
  const { superblock } = volume;
  const obstacle = options.readonly ? undefined : obstacleOf(device, superblock);
  warnOf(volume, device, obstacle, options);
  if (options.readonly || obstacle !== undefined) {
    const view = needsRecovery(volume) ? await (await import('./recovery.js')).replayInMemory(volume, options) : volume;
    return new ExtFileSystem({ volume: view, device, ...(obstacle === undefined ? {} : { obstacle }) });
  }
  // What writing takes is half of this package, and not needed for reading.
  const { openWriter } = await import('./recovery.js');
  const writer = await openWriter(volume, needsRecovery(volume), options);
  return new ExtFileSystem({ volume: writer.volume, device, writer });
}

function warnOf(volume: Volume, device: BlockDevice, obstacle: string | undefined, options: FsOpenOptions): void {
  const { geometry, superblock, warn } = volume;
  const say = (message: string): void => warn({ source: 'fs-ext', message });
  if (obstacle !== undefined) say(`opened read-only: ${obstacle}`);
  else if (geometry.blocksCount * geometry.blockSize > device.size) say('the device is shorter than the file system');
  if ((superblock.get('state') & STATE_ERROR) !== 0) say('the file system is marked as having errors; run e2fsck');
  for (const option of options.mountOptions ?? []) say(`mount option ${option} is ignored`);
}

function needsRecovery(volume: Volume): boolean {
  return volume.superblock.has(COMPAT.HAS_JOURNAL) && volume.superblock.hasIncompat(INCOMPAT.RECOVER);
}

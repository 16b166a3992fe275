import { toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice, FsOpenOptions } from '@vmcraft/core/contracts';
import { FsError, TruncatedImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { Incompatible, XFS_MAGIC } from './layout.js';
import { LogArea } from './log-area.js';
import { BASIC_BLOCK, LOG_MAGIC } from './log-layout.js';
import { readHeader } from './log-record.js';
import type { Volume } from './volume.js';

/** Basic blocks at the start of a log within which a record begins: the longest one, and its headers. */
const FIRST_RECORD = 1100;

/** The device that a mount option such as `rtdev=/dev/sdb` names. @throws FsError ENODEV */
async function named(option: string, options: FsOpenOptions): Promise<BlockDevice | undefined> {
  const name = options.mountOptions?.findLast((text) => text.startsWith(`${option}=`))?.slice(option.length + 1);
  if (name === undefined) return undefined;
  const found = ((await options.others?.()) ?? []).find((other) => other.name === name);
  if (found !== undefined) return found.device;
  throw new FsError('ENODEV', { operation: 'mount', path: name, reason: `the option ${option} names no other disk` });
}

/**
 * The realtime section, if it is named by the mount option `rtdev`: nothing on it tells that it is one.
 * @throws FsError ENODEV, TruncatedImageError, UnsupportedFeatureError
 */
export async function realtimeOf(volume: Volume, options: FsOpenOptions): Promise<BlockDevice | undefined> {
  const { realtimeBlocks, incompatible } = volume.superblock;
  if (realtimeBlocks === 0n) return undefined;
  const device = await named('rtdev', options);
  if (device === undefined) return undefined;
  if (volume.isChecked && (incompatible & Incompatible.metadataDirectories) !== 0) {
    throw new UnsupportedFeatureError({ structure: 'XFS', feature: 'a realtime section in groups' });
  }
  const needed = toSafeInteger(realtimeBlocks, 'rblocks') * volume.blockSize;
  if (device.size < needed) {
    throw new TruncatedImageError({ structure: 'XFS realtime section', offset: 0, needed, available: device.size });
  }
  return device;
}

/** What is missing when contents on the realtime section are to be read. */
export function noRealtime({ superblock }: Volume): UnsupportedFeatureError {
  return new UnsupportedFeatureError({
    structure: 'xfs_dinode',
    feature: `contents on the realtime section of ${superblock.uuid}, a device that was not named`,
    workaround: 'add the disk it is on, and name it: mount option rtdev=/dev/…',
  });
}

/**
 * A log on another device: the one that the mount option `logdev` names, or the one whose records carry the UUID of the file system.
 * @throws FsError ENODEV
 */
export async function externalLog(volume: Volume, options: FsOpenOptions): Promise<BlockDevice | undefined> {
  const device = await named('logdev', options);
  if (device !== undefined) return device;
  for (const other of (await options.others?.()) ?? []) {
    if (await isLogOf(other.device, volume).catch(() => false)) return other.device;
  }
  return undefined;
}

async function isLogOf(device: BlockDevice, { superblock }: Volume): Promise<boolean> {
  const total = Math.floor(device.size / BASIC_BLOCK);
  if (total === 0) return false;
  const area = new LogArea(device, 0, total);
  const count = Math.min(total, FIRST_RECORD);
  const start = new DataView((await device.read(0, count * BASIC_BLOCK)).slice().buffer);
  if (start.getUint32(0) === XFS_MAGIC) return false;
  for (let block = 0; block < count; block++) {
    if (start.getUint32(block * BASIC_BLOCK) !== LOG_MAGIC) continue;
    if ((await readHeader(area, block))?.uuid === superblock.uuid) return true;
  }
  return false;
}

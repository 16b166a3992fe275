import type { FsOpenOptions } from '@vmcraft/core/contracts';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { LOG_INCOMPATIBLE } from './layout.js';
import { LogArea } from './log-area.js';
import { findRange } from './log-head.js';
import { BASIC_BLOCK } from './log-layout.js';
import { replayLog, WORKAROUND } from './log-replay.js';
import { ReplayOverlay } from './replay-overlay.js';
import { externalLog } from './sections.js';
import { blockOffset, openVolume, type Volume } from './volume.js';

/**
 * The volume as it is after its log was replayed: the image keeps its bytes. The same volume when there is nothing to replay.
 * @throws CorruptImageError, LimitExceededError, UnsupportedFeatureError when the log lies on a device that is not there
 */
export async function recover(volume: Volume, options: FsOpenOptions): Promise<Volume> {
  const { logIncompatible } = volume.superblock;
  const area = await areaOf(volume, options);
  if (area === undefined) return volume;
  const range = await findRange(area, volume.isChecked);
  if (range === undefined || range.tail === range.head) return volume;
  if (volume.isChecked && (logIncompatible & ~LOG_INCOMPATIBLE) !== 0) {
    const feature = `log features 0x${(logIncompatible >>> 0).toString(16)}`;
    throw new UnsupportedFeatureError({ structure: 'XFS log', feature, workaround: WORKAROUND });
  }
  const overlay = new ReplayOverlay(volume.device);
  const pending = await replayLog(volume, overlay, area, range);
  const records = `blocks ${range.tail} to ${range.head} of its log`;
  const left = pending.count === 0 ? '' : `; ${pending.count} promised changes in it are not finished`;
  options.warn?.({ source: 'fs-xfs', message: `XFS was not unmounted: ${records} are replayed in memory${left}` });
  return openVolume(overlay, pending);
}

/** Where the log is; undefined when it has no blocks. */
async function areaOf(volume: Volume, options: FsOpenOptions): Promise<LogArea | undefined> {
  const { logStart, logBlocks, uuid } = volume.superblock;
  const device = logStart === 0n ? await externalLog(volume, options) : volume.device;
  if (device === undefined) {
    throw new UnsupportedFeatureError({
      structure: 'XFS log',
      feature: `a log on another device that is not among the disks: that of ${uuid}`,
      workaround: `add the disk it is on (mount option logdev=/dev/… where it does not say whose log it is); ${WORKAROUND}`,
    });
  }
  const start = logStart === 0n ? 0 : blockOffset(volume, logStart, 'log');
  const total = Math.floor(Math.min(logBlocks * volume.blockSize, device.size - start) / BASIC_BLOCK);
  return total === 0 ? undefined : new LogArea(device, start, total);
}

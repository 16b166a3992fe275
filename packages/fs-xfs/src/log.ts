import type { WarningSink } from '@vmcraft/core/contracts';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { LOG_INCOMPATIBLE } from './layout.js';
import { LogArea } from './log-area.js';
import { findRange } from './log-head.js';
import { BASIC_BLOCK } from './log-layout.js';
import { replayLog, WORKAROUND } from './log-replay.js';
import { ReplayOverlay } from './replay-overlay.js';
import { blockOffset, openVolume, type Volume } from './volume.js';

/**
 * The volume as it is after its log was replayed: the image keeps its bytes. The same volume when there is nothing to replay.
 * @throws CorruptImageError, LimitExceededError, UnsupportedFeatureError when the log lies on another device
 */
export async function recover(volume: Volume, warn: WarningSink | undefined): Promise<Volume> {
  const { logStart, logBlocks, logIncompatible } = volume.superblock;
  if (logStart === 0n) {
    throw new UnsupportedFeatureError({
      structure: 'XFS log',
      feature: 'a log on another device',
      workaround: WORKAROUND,
    });
  }
  const start = blockOffset(volume, logStart, 'log');
  const total = Math.floor(Math.min(logBlocks * volume.blockSize, volume.device.size - start) / BASIC_BLOCK);
  if (total === 0) return volume;
  const area = new LogArea(volume.device, start, total);
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
  warn?.({ source: 'fs-xfs', message: `XFS was not unmounted: ${records} are replayed in memory${left}` });
  return openVolume(overlay, pending);
}

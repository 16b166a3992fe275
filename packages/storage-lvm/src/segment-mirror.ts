import { viewOf } from '@vmcraft/core/binary';
import { type ArrayMember, MirrorArray, readOnly } from '@vmcraft/core/block';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { numberOf } from './config-text.js';
import { SECTOR } from './layout.js';
import { MIRROR_LOG_BITS, MIRROR_LOG_MAGIC, MirrorLogHeader } from './layout-raid.js';
import { MissingPvError } from './missing-pv.js';
import type { SegmentContext } from './volume-builder.js';
import { areasOf } from './volume-group.js';

/**
 * Segment `mirror` (dm-mirror): the first leg is always right, as resynchronisation copies from it. The others are asked only when it is
 * gone and the log says that they agree.
 */
export async function openMirror(context: SegmentContext): Promise<BlockDevice> {
  const { segment, bytes, lv } = context;
  const areas = areasOf(segment, 'mirrors');
  if (areas.length === 0) throw new CorruptImageError({ structure: segment.name, field: 'mirrors', reason: 'empty' });
  const legs: (ArrayMember | undefined)[] = [];
  let missing: MissingPvError | undefined;
  for (const { name, extent } of areas) {
    try {
      legs.push({ device: await context.area(name, extent, bytes) });
    } catch (error) {
      if (!(error instanceof MissingPvError)) throw error;
      missing = error;
      legs.push(undefined);
    }
  }
  if (legs[0] === undefined && !(await areLegsEqual(context))) throw missing!;
  const mirror = new MirrorArray(legs, bytes, { name: lv.name });
  return missing === undefined ? mirror : readOnly(mirror, `it is degraded: ${missing.message}`);
}

/** Whether the log on disk marks every region as in sync. */
async function areLegsEqual({ segment, volume, bytes }: SegmentContext): Promise<boolean> {
  const log = segment.section.get('mirror_log');
  if (typeof log !== 'string') return false;
  const regionBytes = numberOf(segment.section, 'region_size', segment.name) * SECTOR;
  if (regionBytes === 0) return false;
  const device = await volume(log);
  const header = MirrorLogHeader.decode(await device.read(0, MirrorLogHeader.size));
  const regions = Math.ceil(bytes / regionBytes);
  if (header.magic !== MIRROR_LOG_MAGIC || header.regions < BigInt(regions)) return false;
  const length = Math.ceil(regions / 8);
  if (MIRROR_LOG_BITS + length > device.size) return false;
  const bits = viewOf(await device.read(MIRROR_LOG_BITS, length));
  for (let i = 0; i < regions; i++) if (((bits.getUint8(i >> 3) >> (i & 7)) & 1) === 0) return false;
  return true;
}

import type { BlockDevice } from '@vmcraft/core/contracts';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { openCache } from './segment-cache.js';
import { openMirror } from './segment-mirror.js';
import { openRaid } from './segment-raid.js';
import { openStriped } from './segment-striped.js';
import { openThin } from './segment-thin.js';
import { openZero } from './segment-zero.js';
import type { SegmentContext } from './volume-builder.js';
import type { Segment } from './volume-group.js';

/** Makes the device of one segment. */
export type SegmentOpener = (context: SegmentContext) => Promise<BlockDevice>;

const OPENERS: ReadonlyMap<string, SegmentOpener> = new Map([
  ['striped', openStriped],
  ['linear', openStriped],
  ['mirror', openMirror],
  ['thin', openThin],
  ['cache', openCache],
  ['zero', openZero],
]);

/** What stands behind `+` in a type and changes nothing for reading. */
const HARMLESS = new Set(['METADATA_FORMAT', 'CROP_METADATA', 'CACHE_USES_CACHEVOL']);

const WORKAROUNDS: Readonly<Record<string, string>> = {
  writecache: 'detach the cache first (lvconvert --splitcache)',
  integrity: 'take integrity off first (lvconvert --raidintegrity n)',
  vdo: 'the kernel module of VDO is needed',
  'vdo-pool': 'the kernel module of VDO is needed',
  'thin-pool': 'open one of its thin volumes',
  'cache-pool': 'open the volume that it caches',
};

/** What makes the device of a segment. @throws UnsupportedFeatureError for types that are not handled */
export function segmentBuilder(segment: Segment): SegmentOpener {
  const unknown = segment.typeFlags.find((flag) => !HARMLESS.has(flag));
  const opener = segment.type.startsWith('raid') ? openRaid : OPENERS.get(segment.type);
  if (opener !== undefined && unknown === undefined) return opener;
  const workaround = WORKAROUNDS[segment.type];
  throw new UnsupportedFeatureError({
    structure: segment.name,
    feature: `segment type '${[segment.type, ...segment.typeFlags].join('+')}'`,
    ...(workaround === undefined ? {} : { workaround }),
  });
}

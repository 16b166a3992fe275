import { readOnly, SliceDevice } from '@vmcraft/core/block';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { readCacheState } from './cache-state.js';
import { numberOf, textOf } from './config-text.js';
import { SECTOR } from './layout.js';
import type { SegmentContext } from './volume-builder.js';

/**
 * Segment `cache` (lvmcache(7)): where the origin holds everything, it is what the volume reads as. It stays read-only, as the cache
 * would not know of a change.
 */
export async function openCache(context: SegmentContext): Promise<BlockDevice> {
  const { segment, lv } = context;
  const origin = await context.volume(textOf(segment.section, 'origin', segment.name));
  const { mode, metadata } = await cacheOf(context);
  const { dirtyBlocks } = await readCacheState(metadata, lv.name);
  if (mode !== 'writethrough' && dirtyBlocks > 0) {
    throw new UnsupportedFeatureError({
      structure: `logical volume ${lv.name}`,
      feature: `a ${mode} cache with ${dirtyBlocks} blocks that are not yet written to the origin`,
      workaround: 'flush it with lvconvert --splitcache',
    });
  }
  return readOnly(origin, 'it has a cache, which would not know of the change; lvconvert --uncache');
}

/** Mode and metadata of the cache: of a pool, or within one volume. */
async function cacheOf(context: SegmentContext): Promise<{ mode: string; metadata: BlockDevice }> {
  const { segment, found } = context;
  const name = textOf(segment.section, 'cache_pool', segment.name);
  if (segment.typeFlags.includes('CACHE_USES_CACHEVOL')) {
    const device = await context.volume(name);
    const at = (key: string): number => numberOf(segment.section, key, segment.name) * SECTOR;
    const metadata = new SliceDevice(device, at('metadata_start'), at('metadata_len'), { name });
    return { mode: textOf(segment.section, 'cache_mode', segment.name), metadata };
  }
  const pool = found.group.lvs.get(name)?.segments[0];
  if (pool?.type !== 'cache-pool') {
    throw new CorruptImageError({ structure: segment.name, field: 'cache_pool', reason: `${name} is no cache pool` });
  }
  const mode = pool.section.has('cache_mode') ? textOf(pool.section, 'cache_mode', pool.name) : 'writethrough';
  return { mode, metadata: await context.volume(textOf(pool.section, 'metadata', pool.name)) };
}

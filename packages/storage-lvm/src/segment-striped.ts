import { StripeArray } from '@vmcraft/core/block';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { numberOf } from './config-text.js';
import { SECTOR } from './layout.js';
import type { SegmentContext } from './volume-builder.js';
import { areasOf } from './volume-group.js';

/** Segment `striped`: one run of extents, or several in turn by chunks. */
export async function openStriped(context: SegmentContext): Promise<BlockDevice> {
  const { segment, bytes } = context;
  const areas = areasOf(segment, 'stripes');
  const count = numberOf(segment.section, 'stripe_count', segment.name);
  if (areas.length !== count || count === 0) {
    throw new CorruptImageError({ structure: segment.name, field: 'stripes', expected: count, found: areas.length });
  }
  const parts: BlockDevice[] = [];
  const each = bytes / count;
  if (segment.extents % count !== 0) {
    const reason = `${segment.extents} extents cannot be split among ${count} stripes`;
    throw new CorruptImageError({ structure: segment.name, field: 'extent_count', reason });
  }
  for (const { name, extent } of areas) parts.push(await context.area(name, extent, each));
  if (count === 1) return parts[0]!;
  const chunkSize = chunkOf(context, each);
  return new StripeArray(parts, { chunkSize, memberSize: each, name: context.lv.name });
}

/** Bytes of a stripe's chunk. @throws CorruptImageError when it does not divide what lies on each member */
export function chunkOf({ segment }: SegmentContext, memberSize: number): number {
  const chunkSize = numberOf(segment.section, 'stripe_size', segment.name, 0) * SECTOR;
  if (chunkSize > 0 && memberSize % chunkSize === 0) return chunkSize;
  const reason = `${chunkSize} bytes do not divide ${memberSize}`;
  throw new CorruptImageError({ structure: segment.name, field: 'stripe_size', reason });
}

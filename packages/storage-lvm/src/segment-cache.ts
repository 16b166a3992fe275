import type { BlockDevice } from '@vmcraft/core/contracts';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import type { SegmentContext } from './volume-builder.js';

export async function openCache({ segment }: SegmentContext): Promise<BlockDevice> {
  throw new UnsupportedFeatureError({ structure: segment.name, feature: segment.type });
}

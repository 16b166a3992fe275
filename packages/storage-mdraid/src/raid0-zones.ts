import { alignDown } from '@vmcraft/core/binary';
import { ConcatDevice, SliceDevice, StripeArray } from '@vmcraft/core/block';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';

/** `layout` of a RAID 0 whose members differ in size (Linux drivers/md/raid0.h; mdadm(8), `--layout`). */
const ORIGINAL = 1;
const ALTERNATE = 2;

/** How a RAID 0 lies on its members. */
export interface Raid0Shape {
  readonly chunkSize: number;
  readonly layout: number;
  /** The array, for messages. */
  readonly title: string;
  readonly name: string;
}

/**
 * RAID 0 over members of any sizes: first stripes over all of them, then over those that have room left, and so on (md(4), "RAID0").
 * @throws UnsupportedFeatureError when sizes differ and the superblock does not say which of two orders later stripes are in
 */
export function stripeZones(members: readonly BlockDevice[], shape: Raid0Shape): BlockDevice {
  const { chunkSize, layout, title, name } = shape;
  const sizes = members.map((member) => alignDown(member.size, chunkSize));
  const ends = [...new Set(sizes)].sort((a, b) => a - b);
  if (ends[0] === 0) throw new CorruptImageError({ structure: title, reason: 'a member has no room for one chunk' });
  if (ends.length > 1 && layout !== ORIGINAL && layout !== ALTERNATE) {
    const workaround = 'say which kernel wrote it with mdadm --assemble --update=layout-original or layout-alternate';
    throw new UnsupportedFeatureError({
      structure: title,
      feature: 'members of several sizes, order unknown',
      workaround,
    });
  }
  const zones: BlockDevice[] = [];
  let arrayStart = 0;
  for (const [i, end] of ends.entries()) {
    const start = ends[i - 1] ?? 0;
    const inZone = members.filter((_, m) => sizes[m]! >= end);
    const parts = inZone.map((member) => new SliceDevice(member, start, end - start));
    // The original order goes on with the member that the number of the chunk within the whole array means.
    const turn = layout === ORIGINAL ? (arrayStart / chunkSize) % parts.length : 0;
    const turned = [...parts.slice(turn), ...parts.slice(0, turn)];
    zones.push(new StripeArray(turned, { chunkSize, memberSize: end - start, name }));
    arrayStart += parts.length * (end - start);
  }
  return zones.length === 1 ? zones[0]! : new ConcatDevice(zones, { name });
}

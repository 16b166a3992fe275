import {
  type ArrayMember,
  MirrorArray,
  type ParityAlgorithm,
  ParityArray,
  parityLayout,
  Raid10Array,
  raid10Geometry,
  readOnly,
  StripeArray,
} from '@vmcraft/core/block';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { numberOf, textsOf } from './config-text.js';
import { MissingPvError } from './missing-pv.js';
import { type RaidHealth, readRaidHealth } from './raid-superblock.js';
import { chunkOf } from './segment-striped.js';
import type { SegmentContext } from './volume-builder.js';
import type { Segment } from './volume-group.js';

/** lvmraid(7), "RAID levels": how parity moves for each segment type. */
const PARITY: Readonly<Record<string, readonly [ParityAlgorithm, 1 | 2]>> = {
  // dm-raid's RAID 4 has its parity on the first disk, unlike md's.
  raid4: ['parity-first', 1],
  raid5: ['left-symmetric', 1],
  raid5_la: ['left-asymmetric', 1],
  raid5_ra: ['right-asymmetric', 1],
  raid5_ls: ['left-symmetric', 1],
  raid5_rs: ['right-symmetric', 1],
  raid5_n: ['parity-last', 1],
  raid6: ['ddf-zero-restart', 2],
  raid6_zr: ['ddf-zero-restart', 2],
  raid6_nr: ['ddf-N-restart', 2],
  raid6_nc: ['ddf-N-continue', 2],
  raid6_n_6: ['parity-last', 2],
  raid6_ls_6: ['left-symmetric-6', 2],
  raid6_rs_6: ['right-symmetric-6', 2],
  raid6_la_6: ['left-asymmetric-6', 2],
  raid6_ra_6: ['right-asymmetric-6', 2],
};

/** dm-raid takes no more (`MAX_RAID_DEVICES`). */
const MAX_DISKS = 253;

interface Images {
  readonly members: (ArrayMember | undefined)[];
  readonly missing: MissingPvError | undefined;
  readonly health: RaidHealth;
}

/** Segments `raid*` (dm-raid): data in `rimage`, state in `rmeta` volumes. Degraded ones can be read. */
export async function openRaid(context: SegmentContext): Promise<BlockDevice> {
  const { segment, lv } = context;
  for (const key of ['reshape_count', 'data_offset', 'delta_disks']) {
    if (numberOf(segment.section, key, segment.name, 0) <= (key === 'data_offset' ? 1 : 0)) continue;
    const workaround = 'let LVM finish the reshape';
    throw new UnsupportedFeatureError({ structure: segment.name, feature: 'a reshape in progress', workaround });
  }
  const images = await imagesOf(context);
  const device = assemble(context, images);
  const { missing, health } = images;
  if (missing !== undefined) return readOnly(device, `${lv.name} is degraded: ${missing.message}`);
  if (health.problem !== undefined) return readOnly(device, `${lv.name} is degraded: ${health.problem}`);
  return device;
}

function assemble(context: SegmentContext, images: Images): BlockDevice {
  const { segment, bytes, lv } = context;
  const { members } = images;
  const { name } = lv;
  const { type } = segment;
  if (type === 'raid1') return new MirrorArray(members, bytes, { name });
  if (type === 'raid0' || type === 'raid0_meta') {
    if (images.missing !== undefined) throw images.missing;
    const memberSize = shareOf(segment, bytes, members.length, context.extentBytes);
    const parts = members.map((m) => m!.device);
    return new StripeArray(parts, { chunkSize: chunkOf(context, memberSize), memberSize, name });
  }
  if (type === 'raid10' || type === 'raid10_near') {
    const copies = numberOf(segment.section, 'data_copies', segment.name, 2);
    const memberSize = Math.ceil((bytes * copies) / members.length / context.extentBytes) * context.extentBytes;
    const geometry = raid10Geometry(0x100 | copies, members.length, chunkOf(context, memberSize), memberSize);
    return withMissing(images, () => new Raid10Array(members, geometry, { name }));
  }
  const parity = PARITY[type];
  if (parity === undefined) {
    throw new UnsupportedFeatureError({ structure: segment.name, feature: `segment type '${type}'` });
  }
  const layout = parityLayout(parity[0], members.length, parity[1]);
  const memberSize = shareOf(segment, bytes, layout.dataDisks, context.extentBytes);
  const options = { layout, chunkSize: chunkOf(context, memberSize), memberSize, name };
  const parityUnsure = !images.health.isSynced;
  return withMissing(images, () => new ParityArray(members, { ...options, parityUnsure }));
}

/** Where too many members are gone, the error names the physical volume. */
function withMissing(images: Images, make: () => BlockDevice): BlockDevice {
  try {
    return make();
  } catch (error) {
    if (images.missing === undefined || !(error instanceof CorruptImageError)) throw error;
    throw new MissingPvError(String(images.missing.data.structure), `${error.message}; ${images.missing.data.reason}`);
  }
}

function shareOf(segment: Segment, bytes: number, parts: number, extentBytes: number): number {
  const share = bytes / parts;
  if (Number.isInteger(share / extentBytes)) return share;
  const reason = `${segment.extents} extents cannot be split among ${parts} disks`;
  throw new CorruptImageError({ structure: segment.name, field: 'extent_count', reason });
}

async function imagesOf(context: SegmentContext): Promise<Images> {
  const { segment } = context;
  const plain = textsOf(segment.section, 'raid0_lvs', segment.name);
  const pairs = textsOf(segment.section, 'raids', segment.name);
  const names = plain.length > 0 ? plain : pairs.filter((_, i) => i % 2 === 1);
  const metas = plain.length > 0 ? [] : pairs.filter((_, i) => i % 2 === 0);
  const key = segment.section.has('device_count') ? 'device_count' : 'stripe_count';
  const count = numberOf(segment.section, key, segment.name);
  if (names.length !== count || count < 1 || count > MAX_DISKS || new Set(names).size !== count) {
    throw new CorruptImageError({ structure: segment.name, field: key, expected: count, found: names.length });
  }
  let missing: MissingPvError | undefined;
  const tolerant = async (name: string): Promise<BlockDevice | undefined> => {
    try {
      return await context.volume(name);
    } catch (error) {
      if (!(error instanceof MissingPvError)) throw error;
      missing = error;
      return undefined;
    }
  };
  const images: (BlockDevice | undefined)[] = [];
  for (const name of names) images.push(await tolerant(name));
  const states: (BlockDevice | undefined)[] = [];
  for (const name of metas) states.push(await tolerant(name));
  const health = await readRaidHealth(states, names, segment.name);
  const members = images.map((device, i) => {
    const inSync = health.inSync[i];
    return device === undefined ? undefined : { device, ...(inSync === undefined ? {} : { inSync }) };
  });
  return { members, missing, health };
}

import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { numberOf, textOf } from './config-text.js';
import { ThinDevice } from './thin-device.js';
import { ThinPool } from './thin-pool.js';
import type { SegmentContext } from './volume-builder.js';

/** Pools that are open, by a device of their group: two that write one metadata would ruin it. */
const pools = new WeakMap<BlockDevice, Map<string, ThinPool>>();

/** Segment `thin`: a volume of a thin pool. */
export async function openThin(context: SegmentContext): Promise<BlockDevice> {
  const { segment, lv, bytes } = context;
  const poolName = textOf(segment.section, 'thin_pool', segment.name);
  const id = numberOf(segment.section, 'device_id', segment.name);
  const pool = await poolOf(context, poolName);
  if ((await pool.metadata.details(id)) === undefined) {
    const reason = `thin pool ${poolName} has no device ${id}`;
    throw new CorruptImageError({ structure: segment.name, field: 'device_id', reason });
  }
  if (pool.readOnlyReason !== undefined) context.warn({ source: lv.name, message: pool.readOnlyReason });
  const origin = segment.section.get('external_origin');
  const originDevice = typeof origin === 'string' ? await context.volume(origin) : undefined;
  return new ThinDevice(pool, id, bytes, lv.name, originDevice);
}

async function poolOf({ found, volume }: SegmentContext, name: string): Promise<ThinPool> {
  const lv = found.group.lvs.get(name);
  const segment = lv?.segments[0];
  if (lv === undefined || segment?.type !== 'thin-pool' || lv.segments.length !== 1) {
    const reason = `there is no thin pool '${name}'`;
    throw new CorruptImageError({ structure: `volume group ${found.group.name}`, reason });
  }
  const metadata = await volume(textOf(segment.section, 'metadata', segment.name));
  const data = await volume(textOf(segment.section, 'pool', segment.name));
  const transaction = numberOf(segment.section, 'transaction_id', segment.name);
  const [first] = found.devices.values();
  const open = first === undefined ? undefined : pools.get(first.device);
  const key = `${lv.uuid} ${lv.extents} ${transaction}`;
  const known = open?.get(key);
  if (known !== undefined && (await known.metadata.isCurrent())) return known;
  const pool = await ThinPool.open(metadata, data, `${found.group.name}/${name}`, transaction);
  if (first !== undefined) pools.set(first.device, (open ?? new Map<string, ThinPool>()).set(key, pool));
  return pool;
}

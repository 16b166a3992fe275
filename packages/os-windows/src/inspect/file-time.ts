import { viewOf } from '@vmcraft/core/binary';

/** 100 ns units between 1601 and 1970 ([MS-DTYP] 2.3.3, FILETIME). */
const EPOCH = 116_444_736_000_000_000n;
/** The value that means "never". */
const NEVER = 0x7fffffffffffffffn;

/** A FILETIME as ISO 8601; undefined for none, never, and what no calendar holds. */
export function fileTime(data: Uint8Array, offset = 0): string | undefined {
  return offset + 8 > data.length ? undefined : fileTimeText(viewOf(data).getBigUint64(offset, true));
}

/** As {@link fileTime}, of the number itself. */
export function fileTimeText(ticks: bigint): string | undefined {
  if (ticks <= 0n || ticks >= NEVER) return undefined;
  const date = new Date(Number((ticks - EPOCH) / 10_000n));
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

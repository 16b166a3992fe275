/** 100 ns units from 1601-01-01 to 1970-01-01. [MS-DTYP] section 2.3.3. */
const UNIX_EPOCH = 116_444_736_000_000_000n;
const UNITS_PER_MS = 10_000n;
const MAX_FILE_TIME = 0x7fffffffffffffffn;

/** A FILETIME as a date, to the millisecond. Undefined when it is zero or beyond what a date can tell. */
export function fileTimeToDate(time: bigint): Date | undefined {
  if (time === 0n || time > MAX_FILE_TIME) return undefined;
  const date = new Date(Number((time - UNIX_EPOCH) / UNITS_PER_MS));
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** The FILETIME of a date; zero for dates before 1601. */
export function dateToFileTime(date: Date): bigint {
  const time = BigInt(Math.floor(date.getTime())) * UNITS_PER_MS + UNIX_EPOCH;
  return time < 0n ? 0n : time;
}

import type { Timestamp } from '@vmcraft/core/contracts';

/** A DOS date and time as one number: date in the upper, time in the lower 16 bits. Microsoft FAT specification 1.03 §6.3; exFAT §7.4.8. */
export type DosStamp = number;

/** A stamp with its hundredths (0..199) on top of the 2-second resolution. */
export interface FineStamp {
  readonly stamp: DosStamp;
  readonly hundredths: number;
}

const FIRST_YEAR = 1980;
const LAST_YEAR = FIRST_YEAR + 127;
/** 1980-01-01T00:00:00Z and 2107-12-31T23:59:59Z, seconds since the epoch. */
const FIRST_SECOND = Date.UTC(FIRST_YEAR, 0, 1) / 1000;
const LAST_SECOND = Date.UTC(LAST_YEAR, 11, 31, 23, 59, 59) / 1000;
const NS_PER_HUNDREDTH = 10_000_000;

/**
 * The moment that a stamp names.
 * @param offsetMinutes what local time is ahead of UTC
 */
export function decodeStamp(stamp: DosStamp, hundredths: number, offsetMinutes: number): Timestamp {
  const date = stamp >>> 16;
  const time = stamp & 0xffff;
  // Month and day 0 occur in the wild (a date never set); they read as 1, as under Linux.
  const month = Math.max(1, (date >> 5) & 0x0f);
  const day = Math.max(1, date & 0x1f);
  const ms = Date.UTC(FIRST_YEAR + (date >> 9), month - 1, day, time >> 11, (time >> 5) & 0x3f, (time & 0x1f) * 2);
  const fine = Math.min(hundredths, 199);
  return {
    sec: ms / 1000 - offsetMinutes * 60 + Math.floor(fine / 100),
    nsec: (fine % 100) * NS_PER_HUNDREDTH,
  };
}

/** The stamp nearest below a moment; clamped to the years 1980..2107 that the format can tell. */
export function encodeStamp(when: Timestamp, offsetMinutes: number): FineStamp {
  const local = Math.floor(when.sec) + offsetMinutes * 60;
  const clamped = Math.min(Math.max(local, FIRST_SECOND), LAST_SECOND);
  const nsec = clamped === local ? when.nsec : 0;
  const at = new Date(clamped * 1000);
  const date = ((at.getUTCFullYear() - FIRST_YEAR) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate();
  const time = (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1);
  return {
    stamp: ((date << 16) | time) >>> 0,
    hundredths: (clamped % 2) * 100 + Math.floor(nsec / NS_PER_HUNDREDTH),
  };
}

/** The present, as a file system stamps it. */
export function now(): Timestamp {
  const ms = Date.now();
  return { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1_000_000 };
}

import type { Timestamp } from '@vmcraft/core/contracts';

/** Ticks of 100 ns from 1601-01-01 to 1970-01-01, and in a second. */
const EPOCH = 116_444_736_000_000_000n;
const SECOND = 10_000_000n;
const NS_PER_TICK = 100;
const MAX_TICKS = 2n ** 63n - 1n;

/** A time as NTFS keeps it, in ticks of 100 ns since 1601 UTC. */
export function fromTicks(ticks: bigint): Timestamp {
  const rest = BigInt.asIntN(64, ticks) - EPOCH;
  let sec = rest / SECOND;
  let part = rest % SECOND;
  if (part < 0n) {
    part += SECOND;
    sec -= 1n;
  }
  return { sec: Number(sec), nsec: Number(part) * NS_PER_TICK };
}

/** Ticks of a time; what is before 1601 becomes 0, what is too late the last time there is. */
export function toTicks(time: Timestamp): bigint {
  const ticks = BigInt(time.sec) * SECOND + BigInt(Math.floor(time.nsec / NS_PER_TICK)) + EPOCH;
  return ticks < 0n ? 0n : ticks > MAX_TICKS ? MAX_TICKS : ticks;
}

let last = 0n;

/** The present, in ticks; never twice the same. */
export function nowTicks(): bigint {
  const ticks = BigInt(Math.round((performance.timeOrigin + performance.now()) * 10_000)) + EPOCH;
  last = ticks > last ? ticks : last + 1n;
  return last;
}

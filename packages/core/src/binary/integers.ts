import { CorruptImageError } from '../errors/index.js';

/**
 * A 64-bit field of an image as a number.
 * @throws CorruptImageError when it is above 2^53 - 1, which no real image reaches
 */
export function toSafeInteger(value: bigint, field: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
    throw new CorruptImageError({ structure: field, found: value, reason: `value ${value} is beyond 2^53` });
  }
  return Number(value);
}

/** `value` rounded up to a multiple of `unit`; works above 31 bits. */
export function alignUp(value: number, unit: number): number {
  const rest = value % unit;
  return rest === 0 ? value : value + (unit - rest);
}

/** `value` rounded down to a multiple of `unit`; works above 31 bits. */
export function alignDown(value: number, unit: number): number {
  return value - (value % unit);
}

/** Whether `value` is a power of two (1 included). */
export function isPowerOfTwo(value: number): boolean {
  return value >= 1 && Number.isInteger(Math.log2(value));
}

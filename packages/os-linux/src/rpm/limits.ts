import { CorruptImageError, LimitExceededError } from '@vmcraft/core';

/** Longest header of a package; RPM itself takes 256 MiB, the largest of real distributions (kernel sources, TeX) have a few. */
export const MAX_HEADER = 64 << 20;
/** Packages of one database. */
export const MAX_PACKAGES = 1_000_000;

/** @throws LimitExceededError */
export function checkBlobLength(length: number, structure: string): void {
  if (length > MAX_HEADER) {
    throw new LimitExceededError({
      limit: `length of a package's header (${structure})`,
      value: length,
      max: MAX_HEADER,
    });
  }
}

/** A database that breaks its format. */
export function broken(structure: string, field: string, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure, field, expected, found });
}

import { LimitExceededError } from '@vmcraft/core/errors';

/** Bounds of the work that one key slot may ask for: its numbers come from the image. */
export interface LuksLimits {
  /** Rounds of PBKDF2; a host does about a million a second. */
  readonly maxIterations: number;
  /** Memory of argon2, KiB. */
  readonly maxMemory: number;
  /** Passes of argon2 times its memory in KiB. */
  readonly maxCost: number;
}

/** cryptsetup itself never asks for more than 1 GiB unless told to. */
export const DEFAULT_LIMITS: LuksLimits = {
  maxIterations: 100_000_000,
  maxMemory: 2 * 1024 * 1024,
  maxCost: 64 * 1024 * 1024,
};

/** @throws LimitExceededError */
export function checkLimit(what: string, value: number, limits: LuksLimits, option: keyof LuksLimits): void {
  const max = limits[option];
  if (value > max) throw new LimitExceededError({ limit: what, value, max, option });
}

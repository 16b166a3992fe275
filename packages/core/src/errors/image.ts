import { VmcraftError } from './base.js';

/** Where and how bytes of an image break their specification. */
export interface CorruptionDetails {
  /** The structure's name as its specification writes it, for example `ext4_super_block`. */
  readonly structure: string;
  /** The field within it, when one is to blame. */
  readonly field?: string;
  /** Absolute offset on the device being read, in bytes. */
  readonly offset?: number;
  readonly expected?: unknown;
  readonly found?: unknown;
  /** The specification and section that is broken. */
  readonly citation?: string;
  /** A sentence for when expected/found do not say it. */
  readonly reason?: string;
}

/** The bytes break the specification of their format: bad magic, checksum, cycle, overlap. */
export class CorruptImageError extends VmcraftError {
  constructor(details: CorruptionDetails, cause?: unknown) {
    super({ code: 'VMC_CORRUPT', message: describeCorruption(details), data: { ...details }, cause });
  }
}

function describeCorruption(d: CorruptionDetails): string {
  const where = d.field === undefined ? d.structure : `${d.structure}.${d.field}`;
  const at = d.offset === undefined ? '' : ` at byte ${d.offset}`;
  const what = d.reason ?? `expected ${show(d.expected)}, found ${show(d.found)}`;
  return `corrupt ${where}${at}: ${what}`;
}

function show(value: unknown): string {
  if (typeof value === 'number' && value > 9 && Number.isInteger(value)) return `0x${value.toString(16)}`;
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  return String(value);
}

/** The image ends before the bytes that its structures point at. */
export class TruncatedImageError extends VmcraftError {
  constructor(details: { structure: string; offset: number; needed: number; available: number }, cause?: unknown) {
    const { structure, offset, needed, available } = details;
    super({
      code: 'VMC_TRUNCATED',
      message: `truncated ${structure} at byte ${offset}: ${needed} bytes needed, ${available} there`,
      data: details,
      cause,
    });
  }
}

/** Valid, but not handled here: an unknown incompatible feature, an encrypted directory, a foreign compression. */
export class UnsupportedFeatureError extends VmcraftError {
  constructor(
    details: { feature: string; structure?: string; citation?: string; workaround?: string },
    cause?: unknown,
  ) {
    const hint = details.workaround === undefined ? '' : `; ${details.workaround}`;
    const where = details.structure === undefined ? '' : `${details.structure}: `;
    super({ code: 'VMC_UNSUPPORTED', message: `${where}unsupported: ${details.feature}${hint}`, data: details, cause });
  }
}

/** A guard against hostile input was hit: a depth, a count, an allocation. */
export class LimitExceededError extends VmcraftError {
  constructor(details: { limit: string; value: number; max: number; option?: string }, cause?: unknown) {
    const raise = details.option === undefined ? '' : ` (raise it with ${details.option})`;
    super({
      code: 'VMC_LIMIT',
      message: `limit exceeded: ${details.limit} is ${details.value}, at most ${details.max} allowed${raise}`,
      data: details,
      cause,
    });
  }
}

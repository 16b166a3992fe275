import { parseUuid } from '../binary/index.js';
import { UsageError } from '../errors/index.js';

/** Where a new partition goes. Sectors; the end is inclusive and may be negative: -1 is the last sector of the disk. */
export interface Placement {
  readonly start: number;
  readonly end: number;
  /** MBR only; `primary` unless given. */
  readonly kind?: 'primary' | 'extended' | 'logical';
  /** GPT only; `primary` unless given, as parted does. */
  readonly name?: string;
  /** GPT only; Linux data unless given. */
  readonly typeGuid?: string;
  /** MBR only; 0x83, or 0x0f for an extended partition, unless given. */
  readonly mbrId?: number;
}

/** A random GUID, lower case. */
export function randomGuid(): string {
  return globalThis.crypto.randomUUID();
}

/** A GUID in lower case. @throws UsageError when the text is none */
export function checkGuid(text: string): string {
  if (parseUuid(text) === undefined) throw new UsageError(`'${text}' is not a GUID`, { argument: 'guid' });
  return text.toLowerCase();
}

/** An inclusive end sector; negative values count back from the end of the disk. */
export function resolveEnd(end: number, sectors: number): number {
  if (!Number.isSafeInteger(end)) throw new UsageError(`end sector ${end} is not an integer`, { argument: 'endsect' });
  return end < 0 ? sectors + end : end;
}

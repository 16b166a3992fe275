import { isPowerOfTwo } from '@vmcraft/core/binary';
import type { BlockDevice, FormatOptions, Timestamp } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';
import { parseSerial } from './bpb.js';
import { now } from './dos-time.js';

const MIN_SECTOR = 512;
const MAX_SECTOR = 4096;

/** Sector size in bytes that was asked for, or the device's. @throws UsageError */
export function sectorSizeOf(device: BlockDevice, options: FormatOptions): number {
  const size = options.sectorSize ?? device.sectorSize;
  if (isPowerOfTwo(size) && size >= MIN_SECTOR && size <= MAX_SECTOR) return size;
  throw new UsageError(`a sector of ${size} bytes; 512, 1024, 2048 or 4096 can be`, { argument: 'sectorSize' });
}

/** Cluster size in bytes that was asked for. @throws UsageError */
export function clusterSizeOf(options: FormatOptions, sectorSize: number, max: number): number | undefined {
  const size = options.blockSize;
  if (size === undefined) return undefined;
  if (isPowerOfTwo(size) && size >= sectorSize && size <= max) return size;
  const range = `powers of two from ${sectorSize} to ${max} can be`;
  throw new UsageError(`a cluster of ${size} bytes; ${range}`, { argument: 'blockSize' });
}

/** The moment of formatting. */
export function momentOf(options: FormatOptions): Timestamp {
  return options.now ?? now();
}

/** Serial number that was asked for, or a new one: made of the time when that is fixed. @throws UsageError */
export function serialOf(options: FormatOptions): number {
  if (options.uuid !== undefined) {
    const serial = parseSerial(options.uuid);
    if (serial !== undefined) return serial;
    throw new UsageError(`'${options.uuid}' is no serial number like ABCD-1234`, { argument: 'uuid' });
  }
  if (options.now !== undefined) return (Math.imul(options.now.sec, 0x9e3779b1) ^ options.now.nsec) >>> 0 || 1;
  return Math.floor(Math.random() * 0xfffffffe) + 1;
}

/** A whole number among the further options. @throws UsageError */
export function extraNumber(options: FormatOptions, key: string, otherwise: number, max: number): number {
  const value = options.extra?.[key] ?? otherwise;
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0 && number <= max) return number;
  throw new UsageError(`${key} is ${String(value)}; 0 to ${max} can be`, { argument: key });
}

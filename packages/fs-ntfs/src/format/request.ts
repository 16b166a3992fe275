import { isPowerOfTwo, viewOf } from '@vmcraft/core/binary';
import type { BlockDevice, FormatOptions } from '@vmcraft/core/contracts';
import { FsError, UsageError } from '@vmcraft/core/errors';
import { toTicks } from '../time.js';
import { DEFAULT_CLUSTER, MAX_CLUSTER, MAX_CLUSTERS, MIN_VOLUME } from './layout-format.js';

/** Longest label in UTF-16 units: $AttrDef allows 256 bytes. */
const MAX_LABEL = 128;
const MIN_SECTOR = 512;
const MAX_SECTOR = 4096;

/** What was asked for, checked. Sizes are bytes. */
export interface FormatRequest {
  readonly sectorSize: number;
  readonly clusterSize: number;
  /** Sectors of the volume; one less than the device has, as the last holds the copy of the boot sector. */
  readonly totalSectors: number;
  readonly label: string;
  readonly serial: bigint;
  /** Time of everything, 100 ns units since 1601. */
  readonly time: bigint;
  readonly hiddenSectors: number;
  readonly sectorsPerTrack: number;
  readonly heads: number;
  /** Eighths of the volume kept for the growth of $MFT. */
  readonly zoneMultiplier: number;
}

function bad(what: string, argument: string): UsageError {
  return new UsageError(what, { argument });
}

function extraNumber(options: FormatOptions, key: string, otherwise: number, min: number, max: number): number {
  const value = Number(options.extra?.[key] ?? otherwise);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw bad(`${key} is ${String(options.extra?.[key])}; ${min} to ${max} can be`, key);
}

function serialOf(options: FormatOptions): bigint {
  if (options.uuid !== undefined) {
    if (/^[0-9a-f]{16}$/i.test(options.uuid)) return BigInt(`0x${options.uuid}`);
    throw bad(`'${options.uuid}' is no NTFS serial number of 16 hexadecimal digits`, 'uuid');
  }
  if (options.now !== undefined) return BigInt.asUintN(64, toTicks(options.now) * 0x9e3779b97f4a7c15n);
  const random = viewOf(globalThis.crypto.getRandomValues(new Uint8Array(8)));
  return random.getBigUint64(0);
}

/**
 * Check options against the device.
 *
 * `blockSize` is the cluster size, 512 bytes to 2 MiB; in `extra`: `hiddenSectors`, `sectorsPerTrack`, `heads`, `mftZoneMultiplier` (1 to 4).
 * @throws UsageError; FsError EINVAL for a label that is too long, ENOSPC for a device below 1 MiB
 */
export function checkRequest(device: BlockDevice, options: FormatOptions): FormatRequest {
  const sectorSize = options.sectorSize ?? device.sectorSize;
  if (!isPowerOfTwo(sectorSize) || sectorSize < MIN_SECTOR || sectorSize > MAX_SECTOR) {
    throw bad(`a sector of ${sectorSize} bytes; 512, 1024, 2048 or 4096 can be`, 'sectorSize');
  }
  const totalSectors = Math.floor(device.size / sectorSize) - 1;
  let clusterSize = options.blockSize ?? Math.max(DEFAULT_CLUSTER, sectorSize);
  if (options.blockSize === undefined) {
    while ((totalSectors * sectorSize) / clusterSize > MAX_CLUSTERS && clusterSize < MAX_CLUSTER) clusterSize *= 2;
  }
  if (!isPowerOfTwo(clusterSize) || clusterSize < sectorSize || clusterSize > MAX_CLUSTER) {
    throw bad(`a cluster of ${clusterSize} bytes; powers of two from ${sectorSize} to 2097152 can be`, 'blockSize');
  }
  if (totalSectors * sectorSize < MIN_VOLUME) {
    throw new FsError('ENOSPC', { operation: 'format', reason: 'NTFS needs a device of more than 1 MiB' });
  }
  if ((totalSectors * sectorSize) / clusterSize > MAX_CLUSTERS) {
    throw bad(`clusters of ${clusterSize} bytes are too small for ${device.size} bytes`, 'blockSize');
  }
  const label = options.label ?? '';
  if (label.length > MAX_LABEL || label.includes('\0')) {
    throw new FsError('EINVAL', { operation: 'format', reason: `the label has more than ${MAX_LABEL} characters` });
  }
  return {
    sectorSize,
    clusterSize,
    totalSectors,
    label,
    serial: serialOf(options),
    time: toTicks(options.now ?? { sec: Math.floor(Date.now() / 1000), nsec: 0 }),
    hiddenSectors: extraNumber(options, 'hiddenSectors', 0, 0, 0xffffffff),
    sectorsPerTrack: extraNumber(options, 'sectorsPerTrack', 0, 0, 0xffff),
    heads: extraNumber(options, 'heads', 0, 0, 0xffff),
    zoneMultiplier: extraNumber(options, 'mftZoneMultiplier', 1, 1, 4),
  };
}

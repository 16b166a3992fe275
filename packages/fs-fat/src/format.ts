import type { BlockDevice, FormatOptions } from '@vmcraft/core/contracts';
import { CapabilityError, UsageError } from '@vmcraft/core/errors';
import { formatExfat } from './format-exfat.js';
import { type FatType, formatFat } from './format-fat.js';

const TYPES: Readonly<Record<string, FatType | undefined>> = {
  vfat: undefined,
  msdos: undefined,
  fat: undefined,
  fat12: 'fat12',
  fat16: 'fat16',
  fat32: 'fat32',
};

/**
 * Make an empty FAT or exFAT file system over the whole device.
 *
 * `vfat` picks FAT12, FAT16 or FAT32 by size as mkfs.fat does. `blockSize` is the cluster size, `sectorSize` the size of logical sectors,
 * `uuid` the serial number (`ABCD-1234`). In `extra`: `hiddenSectors` (sectors before the partition), `fats` (1 or 2), `rootEntries`.
 * @throws UsageError for options that do not fit; CapabilityError for a read-only device; FsError EINVAL for a bad label
 */
export async function format(device: BlockDevice, type: string, options: FormatOptions): Promise<void> {
  if (!device.writable) throw CapabilityError.readOnly('device');
  if (type === 'exfat') return formatExfat(device, options);
  if (!(type in TYPES)) throw new UsageError(`'${type}' is no FAT type`, { argument: 'type' });
  return formatFat(device, TYPES[type], options);
}

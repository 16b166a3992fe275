import { isPowerOfTwo } from '../binary/index.js';
import type { FormatOptions } from '../contracts/index.js';
import { CapabilityError, UsageError } from '../errors/index.js';
import { changeDevice } from './device-changes.js';
import type { Session } from './session.js';

/** Options of guestfs `mkfs`. Sizes are bytes. */
export interface MkfsOptions {
  readonly blocksize?: number | undefined;
  readonly features?: string | undefined;
  readonly inode?: number | undefined;
  readonly sectorsize?: number | undefined;
  readonly label?: string | undefined;
}

/** Names by which mkfs knows a type, besides those of drivers. */
const OTHER_NAMES: Readonly<Record<string, string>> = { fat: 'vfat' };

const isExt = (type: string): boolean => /^ext[234]$/.test(type);
const isFat = (type: string): boolean => /^(vfat|msdos|fat(12|16|32)?)$/.test(type);

function refuse(option: string, type: string): never {
  throw new UsageError(`${option} cannot be set for ${type}`, { argument: option });
}

/** What a driver is told. @throws UsageError for options that do not fit the type */
function formatOptions(type: string, options: MkfsOptions): FormatOptions {
  const { blocksize, features, inode, sectorsize, label } = options;
  if (blocksize !== undefined && (blocksize <= 0 || !isPowerOfTwo(blocksize))) {
    throw new UsageError('block size must be > 0 and a power of 2', { argument: 'blocksize' });
  }
  if (features !== undefined && !isExt(type)) refuse('features', type);
  if (inode !== undefined) {
    if (!isExt(type)) refuse('inode', type);
    if (inode <= 0) throw new UsageError('inode size must be larger than zero', { argument: 'inode' });
  }
  if (sectorsize !== undefined) {
    if (!isFat(type) && type !== 'exfat') refuse('sectorsize', type);
    if (sectorsize <= 0) throw new UsageError('sector size must be larger than zero', { argument: 'sectorsize' });
  }
  return {
    ...(blocksize === undefined ? {} : { blockSize: blocksize }),
    ...(features === undefined ? {} : { features: features.split(',').filter((f) => f !== '') }),
    ...(inode === undefined ? {} : { inodeSize: inode }),
    ...(sectorsize === undefined ? {} : { sectorSize: sectorsize }),
    ...(label === undefined ? {} : { label }),
  };
}

/**
 * Make a file system on a device, as mkfs(8).
 * @throws NoProviderError when no driver makes such a file system; UsageError for options that do not fit; FsError EBUSY
 */
export async function makeFilesystem(
  g: Session,
  fstype: string,
  name: string,
  options: MkfsOptions,
  action: string,
): Promise<void> {
  const type = OTHER_NAMES[fstype] ?? fstype;
  await formatDevice(g, type, name, formatOptions(type, options), action);
}

/** The same with options as drivers take them. */
export async function formatDevice(
  g: Session,
  type: string,
  name: string,
  options: FormatOptions,
  action: string,
): Promise<void> {
  const driver = await g.services.driverFor(type, 'format');
  const { partition, device } = g.device(name, action);
  // A boot sector says how many sectors lie before its partition.
  const hidden = isFat(type) && partition !== undefined ? partition.start / device.sectorSize : undefined;
  const extra = hidden === undefined ? options.extra : { ...options.extra, hiddenSectors: hidden };
  const all: FormatOptions = {
    ...options,
    ...(extra === undefined ? {} : { extra }),
    progress: (progress) => g.events.emit('progress', progress),
  };
  await changeDevice(g, name, action, async (disk) => {
    if (driver.format === undefined) throw new CapabilityError({ capability: 'format', subject: driver.name });
    await driver.format(disk, type, all);
  });
}

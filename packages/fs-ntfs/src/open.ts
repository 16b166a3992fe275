import type {
  BlockDevice,
  FileSystem,
  FsIdentity,
  FsOpenOptions,
  FsSignature,
  WarningSink,
} from '@vmcraft/core/contracts';
import { CapabilityError } from '@vmcraft/core/errors';
import { NtfsFileSystem } from './file-system.js';
import { type Geometry, looksLikeNtfs, readGeometry } from './geometry.js';
import { HIBERFIL, isHibernated } from './hibernation.js';
import { AttributeType, bootSector, SystemFile, VolumeFlag } from './layout.js';
import { type LogState, logState } from './log-file.js';
import { type MountOptions, parseMountOptions } from './mount-options.js';
import { Volume, type VolumeFacts, type VolumeLimits } from './volume.js';
import { NtfsWritableFileSystem } from './writable-file-system.js';
import { Writer } from './writer.js';

/** Name of the driver. */
export const DRIVER = 'fs-ntfs';
const SERIAL_DIGITS = 16;

/** Bounds unless the caller names others. */
export const DEFAULT_LIMITS: VolumeLimits = { maxDirEntries: 4_194_304, maxExtents: 1_048_576 };

/** Serial number as blkid prints it. */
export function formatSerial(serial: bigint): string {
  return serial.toString(16).toUpperCase().padStart(SERIAL_DIGITS, '0');
}

function signatureOf(geometry: Geometry, facts: VolumeFacts | undefined): FsSignature {
  return {
    type: 'ntfs',
    uuid: formatSerial(geometry.serial),
    size: geometry.totalSectors * geometry.sectorSize,
    ...(facts === undefined ? {} : { version: `${facts.majorVersion}.${facts.minorVersion}` }),
    ...(facts === undefined || facts.label === '' ? {} : { label: facts.label }),
  };
}

/** @see FsDriver.probe */
export async function probe(device: BlockDevice): Promise<FsSignature | undefined> {
  if (device.size < bootSector.size) return undefined;
  const boot = await device.read(0, bootSector.size);
  if (!looksLikeNtfs(boot)) return undefined;
  try {
    const volume = await Volume.open(device, { readonly: true, limits: DEFAULT_LIMITS });
    return signatureOf(volume.geometry, await volume.facts());
  } catch {
    // It is ours all the same; opening it will say what is wrong.
    return { type: 'ntfs' };
  }
}

/** Why a volume must not be written to, if so. */
async function obstacle(
  volume: Volume,
  facts: VolumeFacts,
  log: LogState,
  options: MountOptions,
): Promise<string | undefined> {
  if (facts.majorVersion !== 3) return `NTFS ${facts.majorVersion}.${facts.minorVersion} is only read`;
  if (log === 'dirty' && options.noRecover) return 'its log is not clean, and the option norecover is given';
  if (options.removeHiberfile || !(await isHibernated(volume))) return undefined;
  return 'Windows is hibernated on it or was shut down for a fast start; the option remove_hiberfile discards that session';
}

async function readLog(volume: Volume): Promise<LogState> {
  const inode = await volume.mft.load(SystemFile.logFile);
  return logState(volume, inode.require(AttributeType.data));
}

function report(facts: VolumeFacts, log: LogState, warn: WarningSink | undefined): void {
  const say = (message: string): void => warn?.({ source: DRIVER, message });
  if (log === 'dirty')
    say('the log of the volume is not clean: it is read as it stands, without the changes in the log');
  if ((facts.flags & VolumeFlag.dirty) !== 0) say('the volume is marked dirty: Windows wants to check it');
}

/**
 * Open an NTFS volume. One that must not be written to (a hibernated Windows) is opened read-only, with a warning that says why.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError, CapabilityError
 */
export async function openFileSystem(device: BlockDevice, options: FsOpenOptions): Promise<FileSystem> {
  if (!options.readonly && !device.writable) throw CapabilityError.readOnly('device');
  const mount = parseMountOptions(options.mountOptions ?? [], options.warn);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const open = (readonly: boolean) => Volume.open(device, { readonly, limits, warn: options.warn });
  const volume = await open(options.readonly);
  const facts = await volume.facts();
  const log = await readLog(volume);
  report(facts, log, options.warn);
  const identity: FsIdentity = { driver: DRIVER, ...signatureOf(volume.geometry, facts) };
  if (options.readonly) return new NtfsFileSystem({ identity, volume, options: mount });
  const reason = await obstacle(volume, facts, log, mount);
  if (reason === undefined) {
    const writer = await Writer.open({ volume, facts, logDirty: log === 'dirty', warn: options.warn });
    const fs = new NtfsWritableFileSystem({ identity, volume, options: mount }, writer);
    if (mount.removeHiberfile && (await isHibernated(volume))) await fs.unlink(fs.root, HIBERFIL);
    return fs;
  }
  options.warn?.({ source: DRIVER, message: `the volume is opened read-only: ${reason}` });
  return new NtfsFileSystem({ identity, volume: await open(true), options: mount });
}

/** Geometry from the boot sector of a device. @throws CorruptImageError */
export async function geometryOf(device: BlockDevice): Promise<Geometry> {
  return readGeometry(await device.read(0, bootSector.size));
}

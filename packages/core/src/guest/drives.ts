import { CachedDevice, metered, ReadOnlyDevice } from '../block/index.js';
import type { BlockDevice, BlockSession, DriveSpec, KeyStore, WarningSink } from '../contracts/index.js';
import { isVmcraftError, messageOf, UsageError } from '../errors/index.js';
import { remoteUri, withSecret } from './remote-drive.js';
import type { SessionServices } from './services.js';

/** A drive as the caller added it. */
export interface Drive {
  readonly spec: DriveSpec;
  /** Bytes of a drive that has no image: `add_drive_scratch`. */
  readonly scratchSize?: number;
}

/** A drive that is open. */
export interface OpenDrive {
  readonly drive: Drive;
  readonly session: BlockSession;
  /** With metering and the page cache. */
  readonly device: BlockDevice;
}

/** Open all drives, or none: when one fails, those opened are closed again. */
export async function openDrives(
  drives: readonly Drive[],
  services: SessionServices,
  warn: WarningSink,
  keys?: KeyStore,
): Promise<OpenDrive[]> {
  const results = await Promise.allSettled(
    drives.map((drive) => openDrive(drive, services, warn, keys).catch((error: unknown) => nameImage(drive, error))),
  );
  const opened = results.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []));
  const failed = results.find((r) => r.status === 'rejected');
  if (failed === undefined) return opened;
  await closeDrives(opened);
  throw failed.reason;
}

/** Throw an error that says which image it is about. */
function nameImage({ spec }: Drive, error: unknown): never {
  const name = spec.path ?? spec.uri;
  const isNamed = name === undefined || !isVmcraftError(error) || error.message.includes(name);
  if (!isNamed) error.message = `${name}: ${error.message}`;
  throw error;
}

async function openDrive(
  drive: Drive,
  services: SessionServices,
  warn: WarningSink,
  keys?: KeyStore,
): Promise<OpenDrive> {
  const { spec, scratchSize } = drive;
  const session =
    scratchSize === undefined
      ? await services.openDrive(spec, warn, keys)
      : await services.openScratch(scratchSize, spec.blockSize);
  const image = metered(session.device, services.metrics.layer('image'));
  const device = new CachedDevice(image, { metrics: services.metrics.layer('cache') });
  return { drive, session, device };
}

/**
 * Bytes that match no format could be an image whose header the guest has overwritten; so they are written only when the caller
 * says that they are raw, or when a partition table or file system is on them.
 */
export function guardUnknownRaw(open: OpenDrive, isRecognised: boolean): BlockDevice {
  const { spec, scratchSize } = open.drive;
  const isGuessed = open.session.info.format === 'raw' && spec.format === undefined && scratchSize === undefined;
  if (!isGuessed || isRecognised || !open.device.writable) return open.device;
  return new ReadOnlyDevice(open.device, "nothing known is on it; say format 'raw' to write it");
}

/** Close all, and report the first failure only after trying all. */
export async function closeDrives(drives: readonly OpenDrive[]): Promise<void> {
  const results = await Promise.allSettled(drives.map(({ device }) => device.close()));
  const sessions = await Promise.allSettled(drives.map(({ session }) => session.close()));
  const failed = [...results, ...sessions].find((r) => r.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** guestfs `add_drive` options as a specification. @throws UsageError */
export interface AddDriveOptions {
  readonly readonly?: boolean | undefined;
  readonly format?: string | undefined;
  readonly label?: string | undefined;
  readonly protocol?: string | undefined;
  readonly server?: readonly string[] | undefined;
  readonly username?: string | undefined;
  readonly secret?: string | undefined;
  readonly discard?: string | undefined;
  readonly blocksize?: number | undefined;
  readonly snapshot?: string | undefined;
  readonly transaction?: boolean | undefined;
  readonly force?: boolean | undefined;
}

const DISCARD = ['disable', 'enable', 'besteffort'] as const;
const LABEL = /^[A-Za-z]{1,20}$/;
const FORMAT = /^[A-Za-z0-9_-]+$/;

/** @throws UsageError for a value that guestfs(3) does not allow */
export function driveSpec(filename: string, options: AddDriveOptions): DriveSpec {
  const { format, label, blocksize, discard, snapshot, transaction, force } = options;
  if (format !== undefined && !FORMAT.test(format)) throw bad('format', `'${format}' is not the name of a format`);
  if (label !== undefined && !LABEL.test(label)) {
    throw bad('label', `'${label}' must be 1 to 20 ASCII letters`);
  }
  if (blocksize !== undefined && blocksize !== 512 && blocksize !== 4096) {
    throw bad('blocksize', `${blocksize} is neither 512 nor 4096`);
  }
  const mode = DISCARD.find((d) => d === discard);
  if (discard !== undefined && mode === undefined)
    throw bad('discard', `'${discard}' must be one of ${DISCARD.join(', ')}`);
  return {
    ...address(filename, options),
    readonly: options.readonly === true || snapshot !== undefined,
    ...(format === undefined ? {} : { format }),
    ...(label === undefined ? {} : { label }),
    ...(blocksize === undefined ? {} : { blockSize: blocksize }),
    ...(mode === undefined ? {} : { discard: mode }),
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(transaction === undefined ? {} : { transaction }),
    ...(force === undefined ? {} : { force }),
  };
}

function address(filename: string, options: AddDriveOptions): { path: string } | { uri: string; secret?: string } {
  const { protocol = 'file', secret } = options;
  if (/^[a-z][a-z0-9+.-]*:\/\//.test(filename)) {
    if (filename.startsWith('file://')) return { path: filePath(filename) };
    return withSecret(filename, secret);
  }
  if (protocol === 'file') {
    if (filename === '') throw bad('filename', 'the empty string names no image');
    if (secret !== undefined || options.username !== undefined) throw bad('username', 'a local file has no user');
    return { path: filename };
  }
  return withSecret(remoteUri(protocol, filename, options), secret);
}

function filePath(uri: string): string {
  try {
    return decodeURIComponent(new URL(uri).pathname);
  } catch (error) {
    throw new UsageError(`'${uri}' is not a URI: ${messageOf(error)}`, { argument: 'filename' }, error);
  }
}

function bad(argument: string, message: string): UsageError {
  return new UsageError(message, { argument });
}

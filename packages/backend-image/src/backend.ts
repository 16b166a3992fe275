import {
  type BackendContext,
  type BlockBackend,
  type BlockDevice,
  type BlockSession,
  CapabilityError,
  type DriveSpec,
  type ImageInfo,
  UsageError,
} from '@vmcraft/core';
import { type OpenedImage, openImage } from './chain.js';
import { detectFormat } from './detect.js';
import { canonicalFormat, FORMATS } from './formats.js';
import { GuessedRawDevice } from './guessed-raw-device.js';
import { ImageDevice, WritableImageDevice } from './image-device.js';
import type { WritableImage } from './writable-image.js';

/** Disk image formats read, and raw and qcow2 also written, in this process. */
export const imageBackend: BlockBackend = {
  name: 'image',
  available: async () => ({ available: true }),
  probe: probeDrive,
  open: openDrive,
  backingNameOf: async (path, context) => (await import('./backing-name.js')).backingNameOf(path, context),
  create: async (spec, context) => {
    const format = canonicalFormat(spec.format);
    if (format === 'raw') return (await import('./raw/create.js')).createRaw(spec, context);
    if (format === 'qcow2') return (await import('./qcow2/create.js')).createQcow2(spec, context);
    const reason = FORMATS[format] === undefined ? 'the format is not known here' : 'backend-nbd (qemu-img) makes them';
    throw new CapabilityError({ capability: 'create', subject: `format ${format}`, reason });
  },
};

/**
 * The format that lies at the drive. Formats that this backend only knows by name (`parallels`, `qed`, `ova` …) are named too, so that
 * nobody takes them for raw disks; `raw` means that nothing else matched, and is no proof: before such a drive is written, somebody has
 * to find a partition table or a file system on it.
 */
async function probeDrive(drive: DriveSpec, context: BackendContext): Promise<string | undefined> {
  if (drive.path === undefined) return undefined;
  if (drive.format !== undefined) {
    const format = canonicalFormat(drive.format);
    return FORMATS[format] === undefined ? undefined : format;
  }
  const file = await context.files.open(drive.path, { writable: false });
  try {
    return await detectFormat(file);
  } finally {
    await file.close();
  }
}

async function openDrive(drive: DriveSpec, context: BackendContext): Promise<BlockSession> {
  if (drive.path === undefined) {
    const reason = 'it opens host paths; backend-nbd opens URIs';
    throw new CapabilityError({ capability: 'uri', subject: 'backend-image', reason });
  }
  const { path, format, snapshot } = drive;
  const writable = !drive.readonly && snapshot === undefined;
  const image = await openImage({ path, format, writable, snapshot, ignoreLocks: drive.force }, context);
  return new ImageSession(image, deviceFor(image, writable, drive));
}

function deviceFor(image: OpenedImage, writable: boolean, drive: DriveSpec): BlockDevice {
  const { blockSize: sectorSize, guessed } = drive;
  if (sectorSize !== undefined && image.size % sectorSize !== 0) {
    throw new UsageError(`the disk is no whole number of sectors of ${sectorSize} bytes`, { argument: 'blocksize' });
  }
  if (writable && isWritable(image)) {
    const isGuess = guessed === true && image.info.format === 'raw';
    return new (isGuess ? GuessedRawDevice : WritableImageDevice)(image, sectorSize);
  }
  return new ImageDevice(image, sectorSize);
}

function isWritable(image: OpenedImage): image is WritableImage {
  return typeof (image as Partial<WritableImage>).write === 'function';
}

/** One opened image. */
class ImageSession implements BlockSession {
  readonly device: BlockDevice;
  readonly info: ImageInfo;

  constructor(image: OpenedImage, device: BlockDevice) {
    this.info = image.info;
    this.device = device;
  }

  close(): Promise<void> {
    return this.device.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

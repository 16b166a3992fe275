import { alignDown } from '@vmcraft/core/binary';
import { CachedDevice, portableCiphers } from '@vmcraft/core/block';
import type { BlockDevice, StorageContext, Volume } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { volumeCipher } from './cipher/sector-cipher.js';
import { unlock } from './key/unlock.js';
import { SPECIFICATION, Version, VOLUME_HEADER } from './layout.js';
import { type BootSector, readBootSector } from './metadata/boot-sector.js';
import type { Metadata } from './metadata/model.js';
import { readMetadata } from './metadata/read-metadata.js';
import { VolumeDevice } from './volume-device.js';
import { volumeMap } from './volume-map.js';

/** Decrypted pages kept, bytes. */
const CACHE_BYTES = 16 * 1024 * 1024;
/** NTFS's own name in its boot sector, and the field whose place BitLocker took. */
const NTFS_NAME = { offset: 3, text: 'NTFS    ' } as const;
const NTFS_MIRROR = 56;

/** A volume that was looked at but not yet opened. */
export interface FoundVolume {
  readonly boot: BootSector;
  readonly metadata: Metadata;
}

/** What to open and how. */
export interface OpenRequest {
  /** For errors: `/dev/sda2`. */
  readonly deviceName: string;
  readonly keys: readonly Uint8Array[];
  /** Name of the volume: `/dev/mapper/NAME`. */
  readonly volumeName: string;
}

/** @throws CorruptImageError when there is no BitLocker volume; UnsupportedFeatureError, TruncatedImageError */
export async function findVolume(device: BlockDevice, { warn }: Pick<StorageContext, 'warn'>): Promise<FoundVolume> {
  const boot = await readBootSector(device);
  if (boot === undefined) {
    const reason = 'the first sector is not that of a BitLocker volume';
    throw new CorruptImageError({ structure: 'BitLocker volume header', offset: 0, reason, citation: SPECIFICATION });
  }
  return { boot, metadata: await readMetadata(device, boot, warn) };
}

/**
 * Open a volume with the first key that fits.
 * @throws CredentialError, CorruptImageError, TruncatedImageError, UnsupportedFeatureError
 */
export async function openVolume(
  device: BlockDevice,
  { boot, metadata }: FoundVolume,
  request: OpenRequest,
  context: Pick<StorageContext, 'ciphers'>,
): Promise<Volume> {
  const { sectorSize } = boot;
  const size = alignDown(device.size, sectorSize);
  // Before the key is tried: a device that is too short has nothing to open.
  const regions = volumeMap(metadata, size, sectorSize);
  const ciphers = context.ciphers ?? (await portableCiphers());
  const keys = await unlock(metadata, request.keys, request.deviceName, ciphers);
  const cipher = volumeCipher(metadata.method, keys, sectorSize, ciphers);
  keys.sector.fill(0);
  keys.tweak?.fill(0);
  const name = `/dev/mapper/${request.volumeName}`;
  const head = metadata.version === Version.vista ? await ntfsBootSector(device, metadata) : undefined;
  const plain = new VolumeDevice(device, cipher, { name, size, sectorSize, regions, head });
  return {
    name,
    kind: 'bitlocker',
    uuid: metadata.volumeId,
    ...(metadata.label === '' ? {} : { label: metadata.label }),
    device: new CachedDevice(plain, { maxBytes: CACHE_BYTES }),
  };
}

/** The boot sector as NTFS wrote it: Windows Vista only put its own name and place there. */
async function ntfsBootSector(device: BlockDevice, { mftMirror }: Metadata): Promise<Uint8Array> {
  const sector = (await device.read(0, VOLUME_HEADER)).slice();
  sector.set(new TextEncoder().encode(NTFS_NAME.text), NTFS_NAME.offset);
  new DataView(sector.buffer).setBigUint64(NTFS_MIRROR, mftMirror, true);
  return sector;
}

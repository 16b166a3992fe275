import { isPowerOfTwo, toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import {
  BITLOCKER_EOW_GUID,
  BITLOCKER_GUID,
  IDENTIFIER_OFFSETS,
  MetadataPointers,
  SIGNATURE,
  SPECIFICATION,
  VOLUME_HEADER,
  VolumeHeader,
} from '../layout.js';

/** What the first sector of a BitLocker volume says. */
export interface BootSector {
  readonly sectorSize: 512 | 4096;
  /** Bytes of a cluster; only of Windows Vista. */
  readonly clusterSize: number;
  /** Where copies of the metadata begin, bytes. Windows Vista names only the first; the block itself has the others. */
  readonly offsets: readonly number[];
}

/**
 * Undefined when the device is no BitLocker volume.
 * @throws CorruptImageError, UnsupportedFeatureError when it is one that cannot be understood
 */
export async function readBootSector(device: BlockDevice): Promise<BootSector | undefined> {
  if (device.size < VOLUME_HEADER) return undefined;
  const sector = await device.read(0, VOLUME_HEADER);
  const header = VolumeHeader.decode(sector);
  const found = IDENTIFIER_OFFSETS.map((at) => MetadataPointers.decode(sector, at));
  const pointers = found.find((p) => p.identifier === BITLOCKER_GUID);
  const isNamed = header.signature === SIGNATURE;
  if (found.some((p) => p.identifier === BITLOCKER_EOW_GUID)) {
    const feature = 'a volume that encrypts as it is written (EOW)';
    throw new UnsupportedFeatureError({
      feature,
      structure: 'BitLocker',
      workaround: 'finish the encryption in Windows',
    });
  }
  if (pointers === undefined && !isNamed) return undefined;
  const { bytesPerSector, sectorsPerCluster } = header;
  if (bytesPerSector !== 512 && bytesPerSector !== 4096) throw bad('bytesPerSector', '512 or 4096', bytesPerSector);
  const place = { sectorSize: bytesPerSector, clusterSize: bytesPerSector * sectorsPerCluster } as const;
  if (pointers !== undefined) {
    const { first, second, third } = pointers;
    return { ...place, offsets: [first, second, third].filter((at) => at !== 0n).map((at) => offsetOf(at)) };
  }
  if (!isPowerOfTwo(sectorsPerCluster)) throw bad('sectorsPerCluster', 'a power of two', sectorsPerCluster);
  return { ...place, offsets: [offsetOf(header.metadataCluster * BigInt(place.clusterSize))] };
}

function offsetOf(value: bigint): number {
  return toSafeInteger(value, 'offset of BitLocker metadata');
}

function bad(field: string, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure: VolumeHeader.name, field, expected, found, citation: SPECIFICATION });
}

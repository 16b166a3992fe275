import { isPowerOfTwo, toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
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
  /** While data is encrypted as it is written: where copies of what tells of it begin, bytes. */
  readonly eowOffsets: readonly number[];
}

/**
 * Undefined when the device is no BitLocker volume.
 * @throws CorruptImageError when it is one that cannot be understood
 */
export async function readBootSector(device: BlockDevice): Promise<BootSector | undefined> {
  if (device.size < VOLUME_HEADER) return undefined;
  const sector = await device.read(0, VOLUME_HEADER);
  const header = VolumeHeader.decode(sector);
  const found = IDENTIFIER_OFFSETS.map((at) => MetadataPointers.decode(sector, at));
  const eow = found.find((p) => p.identifier === BITLOCKER_EOW_GUID);
  const pointers = eow ?? found.find((p) => p.identifier === BITLOCKER_GUID);
  const isNamed = header.signature === SIGNATURE;
  if (pointers === undefined && !isNamed) return undefined;
  const { bytesPerSector, sectorsPerCluster } = header;
  if (bytesPerSector !== 512 && bytesPerSector !== 4096) throw bad('bytesPerSector', '512 or 4096', bytesPerSector);
  const place = { sectorSize: bytesPerSector, clusterSize: bytesPerSector * sectorsPerCluster } as const;
  if (pointers !== undefined) {
    const { first, second, third } = pointers;
    const places = (list: readonly bigint[]): number[] => list.filter((at) => at !== 0n).map((at) => offsetOf(at));
    const eowOffsets = eow === undefined ? [] : places([eow.firstEow, eow.secondEow]);
    if (eow !== undefined && eowOffsets.length === 0) throw bad('firstEow', 'an offset', 0);
    return { ...place, offsets: places([first, second, third]), eowOffsets };
  }
  if (!isPowerOfTwo(sectorsPerCluster)) throw bad('sectorsPerCluster', 'a power of two', sectorsPerCluster);
  return { ...place, offsets: [offsetOf(header.metadataCluster * BigInt(place.clusterSize))], eowOffsets: [] };
}

function offsetOf(value: bigint): number {
  return toSafeInteger(value, 'offset of BitLocker metadata');
}

function bad(field: string, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure: VolumeHeader.name, field, expected, found, citation: SPECIFICATION });
}

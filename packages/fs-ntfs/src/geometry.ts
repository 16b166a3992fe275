import { isPowerOfTwo, toSafeInteger } from '@vmcraft/core/binary';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { bootSector, NTFS_OEM_ID } from './layout.js';

const MIN_SECTOR = 256;
const MAX_SECTOR = 4096;
const MAX_CLUSTER = 2 * 1024 * 1024;
const MIN_RECORD = 512;
const MAX_RECORD = 4096;
const MAX_INDEX_BLOCK = 65536;
/** LCNs are 32 bits wide in what Windows makes; 48 leave room and stay safe integers. */
const MAX_CLUSTERS = 2 ** 48;

/** Sizes and places from the boot sector. All sizes are bytes. */
export interface Geometry {
  readonly sectorSize: number;
  readonly clusterSize: number;
  readonly recordSize: number;
  readonly indexBlockSize: number;
  readonly totalSectors: number;
  readonly totalClusters: number;
  readonly mftLcn: number;
  readonly mftMirrorLcn: number;
  readonly serial: bigint;
}

/** Whether a boot sector says that it is NTFS. */
export function looksLikeNtfs(boot: Uint8Array): boolean {
  if (boot.length < bootSector.size) return false;
  const { oemId, sectorSize, sectorsPerCluster } = bootSector.decode(boot);
  return oemId === NTFS_OEM_ID && sectorSize >= MIN_SECTOR && isPowerOfTwo(sectorSize) && sectorsPerCluster !== 0;
}

function corrupt(field: string, found: unknown, expected: string): CorruptImageError {
  return new CorruptImageError({
    structure: 'NTFS boot sector',
    field,
    offset: 0,
    expected,
    found,
    citation: 'Linux-NTFS documentation, "$Boot"',
  });
}

/** A size given in clusters, or as a power of two by a negative byte. */
function recordSizeOf(raw: number, clusterSize: number): number {
  return raw < 0x80 ? raw * clusterSize : 2 ** (0x100 - raw);
}

/**
 * Sizes and places of a volume.
 * @throws CorruptImageError, UnsupportedFeatureError
 */
export function readGeometry(boot: Uint8Array): Geometry {
  const b = bootSector.decode(boot);
  if (b.oemId !== NTFS_OEM_ID) throw corrupt('OEM id', b.oemId, NTFS_OEM_ID);
  const { sectorSize } = b;
  if (!isPowerOfTwo(sectorSize) || sectorSize < MIN_SECTOR || sectorSize > MAX_SECTOR) {
    throw corrupt('bytes per sector', sectorSize, 'a power of two from 256 to 4096');
  }
  const perCluster = b.sectorsPerCluster > 0x80 ? 2 ** (0x100 - b.sectorsPerCluster) : b.sectorsPerCluster;
  const clusterSize = perCluster * sectorSize;
  if (!isPowerOfTwo(perCluster) || clusterSize > MAX_CLUSTER || clusterSize < 512) {
    throw corrupt('sectors per cluster', b.sectorsPerCluster, 'clusters of 512 bytes to 2 MiB');
  }
  const recordSize = recordSizeOf(b.clustersPerRecord, clusterSize);
  if (!isPowerOfTwo(recordSize) || recordSize < MIN_RECORD) {
    throw corrupt('clusters per MFT record', b.clustersPerRecord, 'records of 1 or 4 KiB');
  }
  if (recordSize > MAX_RECORD) throw new UnsupportedFeatureError({ feature: `MFT records of ${recordSize} bytes` });
  const indexBlockSize = recordSizeOf(b.clustersPerIndexBlock, clusterSize);
  if (!isPowerOfTwo(indexBlockSize) || indexBlockSize < 512 || indexBlockSize > MAX_INDEX_BLOCK) {
    throw corrupt('clusters per index block', b.clustersPerIndexBlock, 'blocks of 512 bytes to 64 KiB');
  }
  const totalSectors = toSafeInteger(b.totalSectors, 'NTFS boot sector.total sectors');
  const totalClusters = Math.floor(totalSectors / perCluster);
  if (totalClusters < 1 || totalClusters > MAX_CLUSTERS) throw corrupt('total sectors', totalSectors, 'a volume');
  const mftLcn = toSafeInteger(b.mftLcn, 'NTFS boot sector.$MFT');
  const mftMirrorLcn = toSafeInteger(b.mftMirrorLcn, 'NTFS boot sector.$MFTMirr');
  if (mftLcn >= totalClusters && mftMirrorLcn >= totalClusters)
    throw corrupt('$MFT', mftLcn, 'a cluster of the volume');
  return {
    sectorSize,
    clusterSize,
    recordSize,
    indexBlockSize,
    totalSectors,
    totalClusters,
    mftLcn,
    mftMirrorLcn,
    serial: b.serial,
  };
}

import { toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { FIRST_CLUSTER, Signature } from './layout.js';
import {
  BOOT_REGION_SECTORS,
  CHECKSUM_SKIPS,
  EXFAT_NAME,
  ExfatBootSector,
  MAX_EXFAT_CLUSTERS,
  SHIFT,
  VolumeFlag,
} from './layout-exfat.js';

const SUPPORTED_MAJOR = 1;
const CITATION = 'exFAT specification §3.1';

/** What the boot sector of an exFAT volume says. Offsets and sizes are bytes. */
export interface ExfatGeometry {
  readonly sectorSize: number;
  readonly clusterSize: number;
  readonly clusterCount: number;
  readonly volumeSize: number;
  readonly fatOffset: number;
  readonly fatSize: number;
  readonly fatCount: number;
  readonly heapOffset: number;
  readonly rootCluster: number;
  readonly serial: number;
  readonly flags: number;
  /** Which of two tables and bitmaps is in use (TexFAT); 0 otherwise. */
  readonly active: 0 | 1;
}

/** Whether a sector starts as an exFAT volume does. */
export function looksLikeExfat(sector: Uint8Array): boolean {
  const boot = ExfatBootSector.decode(sector);
  return (
    boot.fileSystemName === EXFAT_NAME && boot.bootSignature === Signature.boot && boot.mustBeZero.every((b) => b === 0)
  );
}

function bad(field: string, found: unknown, reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'exFAT.bootSector', field, offset: 0, found, reason, citation: CITATION });
}

/** @throws CorruptImageError, UnsupportedFeatureError */
export function readExfatGeometry(sector: Uint8Array): ExfatGeometry {
  const boot = ExfatBootSector.decode(sector);
  if (!looksLikeExfat(sector)) throw bad('FileSystemName', boot.fileSystemName, 'this is no exFAT boot sector');
  if (boot.revision >> 8 !== SUPPORTED_MAJOR) {
    const feature = `exFAT revision ${boot.revision >> 8}.${boot.revision & 0xff}`;
    throw new UnsupportedFeatureError({
      feature,
      structure: 'exFAT.bootSector',
      citation: 'exFAT specification §3.1.12',
    });
  }
  const { bytesPerSectorShift: shift, sectorsPerClusterShift: clusterShift } = boot;
  if (shift < SHIFT.minSector || shift > SHIFT.maxSector)
    throw bad('BytesPerSectorShift', shift, `2^${shift} bytes a sector`);
  if (shift + clusterShift > SHIFT.maxCluster) {
    throw bad('SectorsPerClusterShift', clusterShift, `2^${shift + clusterShift} bytes a cluster`);
  }
  if (boot.numberOfFats !== 1 && boot.numberOfFats !== 2) {
    throw bad('NumberOfFats', boot.numberOfFats, `${boot.numberOfFats} file allocation tables`);
  }
  const sectorSize = 2 ** shift;
  const clusterSize = sectorSize * 2 ** clusterShift;
  const sectors = toSafeInteger(boot.volumeLength, 'exFAT.bootSector.VolumeLength');
  const heapEnd = boot.clusterHeapOffset + boot.clusterCount * 2 ** clusterShift;
  if (boot.clusterCount < 1 || boot.clusterCount > MAX_EXFAT_CLUSTERS || heapEnd > sectors) {
    throw bad('ClusterCount', boot.clusterCount, `${boot.clusterCount} clusters do not fit into ${sectors} sectors`);
  }
  const needed = Math.ceil(((boot.clusterCount + FIRST_CLUSTER) * 4) / sectorSize);
  const fatEnd = boot.fatOffset + boot.fatLength * boot.numberOfFats;
  if (boot.fatLength < needed || boot.fatOffset < 2 * BOOT_REGION_SECTORS || fatEnd > boot.clusterHeapOffset) {
    throw bad('FatLength', boot.fatLength, 'the file allocation table does not fit its place');
  }
  if (boot.rootCluster < FIRST_CLUSTER || boot.rootCluster >= boot.clusterCount + FIRST_CLUSTER) {
    throw bad('FirstClusterOfRootDirectory', boot.rootCluster, `cluster ${boot.rootCluster} does not exist`);
  }
  return {
    sectorSize,
    clusterSize,
    clusterCount: boot.clusterCount,
    volumeSize: sectors * sectorSize,
    fatOffset: boot.fatOffset * sectorSize,
    fatSize: boot.fatLength * sectorSize,
    fatCount: boot.numberOfFats,
    heapOffset: boot.clusterHeapOffset * sectorSize,
    rootCluster: boot.rootCluster,
    serial: boot.serialNumber,
    flags: boot.volumeFlags,
    active: boot.numberOfFats === 2 && (boot.volumeFlags & VolumeFlag.activeFat) !== 0 ? 1 : 0,
  };
}

/** Checksum over the first 11 sectors of a boot region. exFAT specification §3.4. */
export function bootChecksum(region: Uint8Array, sectorSize: number): number {
  let sum = 0;
  const end = (BOOT_REGION_SECTORS - 1) * sectorSize;
  for (let i = 0; i < end; i++) {
    if (i < sectorSize && CHECKSUM_SKIPS.includes(i)) continue;
    sum = (((sum & 1) << 31) + (sum >>> 1) + region[i]!) >>> 0;
  }
  return sum;
}

/** Put the checksum into the last sector of a boot region. */
export function sealBootRegion(region: Uint8Array, sectorSize: number): void {
  const view = new DataView(region.buffer, region.byteOffset, region.byteLength);
  const sum = bootChecksum(region, sectorSize);
  for (let at = (BOOT_REGION_SECTORS - 1) * sectorSize; at < BOOT_REGION_SECTORS * sectorSize; at += 4) {
    view.setUint32(at, sum, true);
  }
}

/** Whether a boot region's checksum fits. */
export function isSealed(region: Uint8Array, sectorSize: number): boolean {
  const view = new DataView(region.buffer, region.byteOffset, region.byteLength);
  const sum = bootChecksum(region, sectorSize);
  for (let at = (BOOT_REGION_SECTORS - 1) * sectorSize; at < BOOT_REGION_SECTORS * sectorSize; at += 4) {
    if (view.getUint32(at, true) !== sum) return false;
  }
  return true;
}

/** The boot region in force, and whether it is the backup. */
export interface BootRegion {
  readonly geometry: ExfatGeometry;
  readonly backup: boolean;
}

/**
 * Read and verify the main boot region; where it is broken, the backup.
 * @throws CorruptImageError when neither can be used
 */
export async function readBootRegion(device: BlockDevice): Promise<BootRegion> {
  const first = await device.read(0, ExfatBootSector.size);
  const geometry = readExfatGeometry(first);
  const { sectorSize } = geometry;
  const length = BOOT_REGION_SECTORS * sectorSize;
  const main = await device.read(0, length);
  if (isSealed(main, sectorSize)) return { geometry, backup: false };
  const spare = await device.read(length, length);
  if (isSealed(spare, sectorSize)) return { geometry: readExfatGeometry(spare), backup: true };
  throw new CorruptImageError({
    structure: 'exFAT boot region',
    field: 'Boot Checksum',
    offset: length - sectorSize,
    expected: bootChecksum(main, sectorSize),
    reason: 'the checksums of the boot region and of its backup do not fit',
    citation: 'exFAT specification §3.4',
  });
}

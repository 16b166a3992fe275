import { isPowerOfTwo } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { TableKind } from './allocation-table.js';
import {
  BootSector,
  CLUSTERS_FAT12,
  CLUSTERS_FAT32,
  ENTRY_SIZE,
  ExtendedBpb16,
  ExtendedBpb32,
  FIRST_CLUSTER,
  Signature,
} from './layout.js';

const CITATION = 'Microsoft FAT specification 1.03 §3';
const MIN_SECTOR = 512;
const MAX_SECTOR = 4096;
const FIXED_MEDIA = 0xf8;
const FLOPPY_MEDIA = 0xf0;

/** What a boot sector says of a FAT volume. Sizes and offsets are bytes. */
export interface FatGeometry {
  readonly kind: Exclude<TableKind, 'exfat'>;
  readonly sectorSize: number;
  readonly clusterSize: number;
  readonly clusterCount: number;
  readonly totalSectors: number;
  readonly fatOffset: number;
  readonly fatSize: number;
  readonly fatCount: number;
  readonly heapOffset: number;
  /** FAT12 and FAT16: the fixed root directory. */
  readonly fixedRoot: { readonly offset: number; readonly size: number } | undefined;
  /** FAT32: first cluster of the root directory. */
  readonly rootCluster: number;
  /** FAT32: raw flags on which copies of the table are in use. */
  readonly extFlags: number;
  /** Sector numbers, 0 when there is none. */
  readonly fsInfoSector: number;
  readonly backupBootSector: number;
  readonly media: number;
}

/** Identity in the extended BPB. */
export interface BootIdentity {
  readonly volumeId: number | undefined;
  readonly label: Uint8Array | undefined;
  readonly state: number;
}

function bad(field: string, found: unknown, reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'BPB', field, offset: 0, found, reason, citation: CITATION });
}

type Boot = ReturnType<typeof BootSector.decode>;

/** The rules that Linux and mtools hold to; geometry of heads and tracks means nothing today and is not looked at. */
function checkBoot(boot: Boot, totalSectors: number): void {
  const { bytesPerSector: size, media } = boot;
  if (!isPowerOfTwo(size) || size < MIN_SECTOR || size > MAX_SECTOR) {
    throw bad('BPB_BytsPerSec', size, `sector size ${size} is not 512, 1024, 2048 or 4096`);
  }
  if (!isPowerOfTwo(boot.sectorsPerCluster)) {
    throw bad('BPB_SecPerClus', boot.sectorsPerCluster, `${boot.sectorsPerCluster} sectors a cluster`);
  }
  if (boot.reservedSectors === 0) throw bad('BPB_RsvdSecCnt', 0, 'no reserved sectors');
  if (boot.numberOfFats === 0) throw bad('BPB_NumFATs', 0, 'no file allocation table');
  if (media < FIXED_MEDIA && media !== FLOPPY_MEDIA)
    throw bad('BPB_Media', media, `media type 0x${media.toString(16)}`);
  if (totalSectors === 0) throw bad('BPB_TotSec32', 0, 'no sectors');
}

/**
 * Geometry from a boot sector.
 * @throws CorruptImageError naming the first field that is wrong
 */
export function readGeometry(sector: Uint8Array): FatGeometry {
  const boot = BootSector.decode(sector);
  const wide = ExtendedBpb32.decode(sector);
  const totalSectors = boot.totalSectors16 !== 0 ? boot.totalSectors16 : boot.totalSectors32;
  checkBoot(boot, totalSectors);
  const { bytesPerSector: sectorSize, reservedSectors, numberOfFats } = boot;
  // Linux's rule: a 16-bit table size of 0 makes it FAT32 however few clusters there are.
  const isWide = boot.fatSize16 === 0;
  const fatSectors = isWide ? wide.fatSize32 : boot.fatSize16;
  if (fatSectors === 0) throw bad('BPB_FATSz32', 0, 'the file allocation table has no sectors');
  const rootSectors = Math.ceil((boot.rootEntries * ENTRY_SIZE) / sectorSize);
  const dataSector = reservedSectors + numberOfFats * fatSectors + (isWide ? 0 : rootSectors);
  if (dataSector >= totalSectors) throw bad('BPB_TotSec32', totalSectors, 'the tables fill the whole volume');
  const claimed = Math.floor((totalSectors - dataSector) / boot.sectorsPerCluster);
  const kind = isWide ? 'fat32' : claimed < CLUSTERS_FAT12 ? 'fat12' : 'fat16';
  const fatSize = fatSectors * sectorSize;
  const clusterCount = Math.min(claimed, tableCapacity(kind, fatSize), CLUSTERS_FAT32);
  if (clusterCount < 1) throw bad('BPB_FATSz32', fatSectors, 'the volume has no clusters');
  const rootOffset = (reservedSectors + numberOfFats * fatSectors) * sectorSize;
  if (!isWide && boot.rootEntries === 0) throw bad('BPB_RootEntCnt', 0, 'the root directory has no entries');
  if (isWide && (wide.rootCluster < FIRST_CLUSTER || wide.rootCluster >= clusterCount + FIRST_CLUSTER)) {
    throw bad('BPB_RootClus', wide.rootCluster, `root directory at cluster ${wide.rootCluster}, which does not exist`);
  }
  return {
    kind,
    sectorSize,
    clusterSize: boot.sectorsPerCluster * sectorSize,
    clusterCount,
    totalSectors,
    fatOffset: reservedSectors * sectorSize,
    fatSize,
    fatCount: numberOfFats,
    heapOffset: dataSector * sectorSize,
    fixedRoot: isWide ? undefined : { offset: rootOffset, size: boot.rootEntries * ENTRY_SIZE },
    rootCluster: isWide ? wide.rootCluster : 0,
    extFlags: isWide ? wide.extFlags : 0,
    fsInfoSector: isWide && wide.fsInfoSector < reservedSectors ? wide.fsInfoSector : 0,
    backupBootSector: isWide && wide.backupBootSector < reservedSectors ? wide.backupBootSector : 0,
    media: boot.media,
  };
}

/** Clusters that a table of `bytes` has entries for. */
function tableCapacity(kind: TableKind, bytes: number): number {
  const entries = kind === 'fat12' ? Math.floor((bytes * 2) / 3) : Math.floor(bytes / (kind === 'fat16' ? 2 : 4));
  return entries - FIRST_CLUSTER;
}

/** Serial number, label and state byte of a boot sector. */
export function readIdentity(sector: Uint8Array, kind: TableKind): BootIdentity {
  const bpb = (kind === 'fat32' ? ExtendedBpb32 : ExtendedBpb16).decode(sector);
  const { bootSignature: signature } = bpb;
  return {
    volumeId: signature === Signature.extended || signature === Signature.extendedOld ? bpb.volumeId : undefined,
    label: signature === Signature.extended ? bpb.volumeLabel : undefined,
    state: bpb.state,
  };
}

/** Names that other file systems put where FAT has its OEM name. */
const FOREIGN_OEM = new Set(['NTFS    ', 'EXFAT   ', '-FVE-FS-', 'ReFS\0\0\0\0', 'HPFS    ', 'JFS     ']);
const KNOWN_TYPES = /^(FAT(12|16|32)? {2,5}|MSDOS|MSWIN)/;

/** Whether a boot sector is likely FAT's at all: NTFS, BitLocker and boot loaders of other systems look much alike. */
export function looksLikeFat(sector: Uint8Array): boolean {
  const boot = BootSector.decode(sector);
  if (FOREIGN_OEM.has(boot.oemName.padEnd(8, '\0')) || FOREIGN_OEM.has(boot.oemName)) return false;
  const named =
    KNOWN_TYPES.test(ExtendedBpb32.decode(sector).fsType) || KNOWN_TYPES.test(ExtendedBpb16.decode(sector).fsType);
  const jump = sector[0] === 0xeb || sector[0] === 0xe9;
  return named || (jump && (boot.signature === Signature.boot || sector[0] === 0xe9 || sector[2] === 0x90));
}

/** As blkid prints a FAT serial number. */
export function formatSerial(serial: number): string {
  const hex = (serial >>> 0).toString(16).toUpperCase().padStart(8, '0');
  return `${hex.slice(0, 4)}-${hex.slice(4)}`;
}

/** A serial number from its text, with or without the dash; undefined when it is none. */
export function parseSerial(text: string): number | undefined {
  const hex = /^([0-9a-f]{4})-?([0-9a-f]{4})$/i.exec(text);
  return hex === null ? undefined : Number.parseInt(`${hex[1]}${hex[2]}`, 16);
}

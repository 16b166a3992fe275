import { alignUp } from '@vmcraft/core/binary';
import { writeZeroes } from '@vmcraft/core/block';
import type { BlockDevice, FormatOptions } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';
import { defaultCodePage } from './code-page.js';
import { encodeStamp } from './dos-time.js';
import { encodeLabel } from './fat-label.js';
import { clusterSizeOf, extraNumber, momentOf, sectorSizeOf, serialOf } from './format-options.js';
import {
  Attribute,
  BootSector,
  CLUSTERS_FAT12,
  CLUSTERS_FAT16,
  CLUSTERS_FAT32,
  ENTRY_SIZE,
  ExtendedBpb16,
  ExtendedBpb32,
  FIRST_CLUSTER,
  FsInfo,
  ShortEntry,
  Signature,
} from './layout.js';

/** Widths of FAT. */
export type FatType = 'fat12' | 'fat16' | 'fat32';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const BITS: Readonly<Record<FatType, number>> = { fat12: 12, fat16: 16, fat32: 32 };
const MAX_CLUSTERS: Readonly<Record<FatType, number>> = {
  fat12: CLUSTERS_FAT12 - 1,
  fat16: CLUSTERS_FAT16 - 1,
  fat32: CLUSTERS_FAT32,
};
const MAX_CLUSTER = 65536;
const MAX_SECTORS_PER_CLUSTER = 128;
const MAX_SECTORS = 0xffffffff;
const FAT32_RESERVED = 32;
const BACKUP_BOOT = 6;
/** Above this size mkfs.fat makes FAT32 of its own accord. */
const AUTO_FAT32 = 512 * MIB;
const FLOPPY = 2880 * 1024;
/** Cluster sizes of FAT32 by size of the volume: mkfs.fat's and Microsoft's table. */
const FAT32_CLUSTERS: readonly (readonly [below: number, clusterSize: number])[] = [
  [260 * MIB, 512],
  [8 * GIB, 4096],
  [16 * GIB, 8192],
  [32 * GIB, 16384],
  [Number.POSITIVE_INFINITY, 32768],
];
/** Does nothing: INT 18h (no bootable disk), then HLT in a loop. */
const BOOT_CODE = Uint8Array.of(0xcd, 0x18, 0xf4, 0xeb, 0xfd);

/** Where everything of a new volume lies; all counts of sectors but the last two. */
interface Plan {
  readonly type: FatType;
  readonly sectorSize: number;
  readonly totalSectors: number;
  readonly sectorsPerCluster: number;
  readonly reserved: number;
  readonly fats: number;
  readonly fatSectors: number;
  readonly rootSectors: number;
  readonly rootEntries: number;
  readonly clusters: number;
}

/** Lay a volume out with given width and cluster size; undefined when not even one cluster fits. */
function layOut(
  size: number,
  sectorSize: number,
  type: FatType,
  spc: number,
  options: FormatOptions,
): Plan | undefined {
  const totalSectors = Math.min(Math.floor(size / sectorSize), MAX_SECTORS);
  const floppy = size <= FLOPPY && type === 'fat12';
  const fats = Math.max(1, extraNumber(options, 'fats', 2, 2));
  const wide = type === 'fat32';
  const rootEntries = wide ? 0 : extraNumber(options, 'rootEntries', floppy ? 224 : 512, 65535);
  const rootSectors = Math.ceil((rootEntries * ENTRY_SIZE) / sectorSize);
  const minReserved = wide ? FAT32_RESERVED : 1;
  const unit = floppy ? 1 : spc;
  let fatSectors = unit;
  for (;;) {
    // Clusters start at a multiple of their own size, so that they do not straddle pages or erase blocks.
    const reserved = alignUp(minReserved + fats * fatSectors + rootSectors, unit) - fats * fatSectors - rootSectors;
    const clusters = Math.floor((totalSectors - reserved - fats * fatSectors - rootSectors) / spc);
    if (clusters < 1) return undefined;
    const needed = alignUp(Math.ceil(((clusters + FIRST_CLUSTER) * BITS[type]) / 8 / sectorSize), unit);
    if (needed <= fatSectors) {
      return {
        type,
        sectorSize,
        totalSectors,
        sectorsPerCluster: spc,
        reserved,
        fats,
        fatSectors,
        rootSectors,
        rootEntries,
        clusters,
      };
    }
    fatSectors = needed;
  }
}

function fits(plan: Plan | undefined): plan is Plan {
  if (plan === undefined || plan.clusters > MAX_CLUSTERS[plan.type]) return false;
  // Below this, everyone would take it for FAT12.
  return plan.type !== 'fat16' || plan.clusters >= CLUSTERS_FAT12;
}

/** Cluster sizes to try, in sectors, in order. */
function candidates(type: FatType, size: number, sectorSize: number): number[] {
  if (type === 'fat32') {
    const preferred = FAT32_CLUSTERS.find(([below]) => size <= below)![1];
    const first = Math.max(1, preferred / sectorSize);
    return [1, 2, 4, 8, 16, 32, 64, MAX_SECTORS_PER_CLUSTER].filter((spc) => spc >= first);
  }
  if (type === 'fat12' && size <= FLOPPY) return [1, 2, 4, 8, 16];
  const first = Math.max(1, 2048 / sectorSize);
  const up = [1, 2, 4, 8, 16, 32, 64, MAX_SECTORS_PER_CLUSTER];
  return [...up.filter((spc) => spc >= first), ...up.filter((spc) => spc < first).reverse()];
}

/** @throws UsageError when nothing fits */
function plan(size: number, wanted: FatType | undefined, sectorSize: number, options: FormatOptions): Plan {
  const cluster = clusterSizeOf(options, sectorSize, Math.max(MAX_CLUSTER, sectorSize * MAX_SECTORS_PER_CLUSTER));
  const types: FatType[] =
    wanted !== undefined ? [wanted] : size >= AUTO_FAT32 ? ['fat32'] : ['fat12', 'fat16', 'fat32'];
  for (const type of types) {
    const sizes = cluster === undefined ? candidates(type, size, sectorSize) : [cluster / sectorSize];
    // Left to choose, a wider table is better than larger clusters than the usual first ones.
    for (const spc of wanted === undefined && type === 'fat12' ? sizes.slice(0, 1) : sizes) {
      if (spc > MAX_SECTORS_PER_CLUSTER) continue;
      const laid = layOut(size, sectorSize, type, spc, options);
      if (fits(laid)) return laid;
    }
  }
  const what = wanted?.toUpperCase() ?? 'FAT';
  const clusters = cluster === undefined ? '' : ` in clusters of ${cluster} bytes`;
  throw new UsageError(`${what} does not fit a device of ${size} bytes${clusters}`, { argument: 'blockSize' });
}

/**
 * Format as FAT.
 * @throws UsageError, FsError EINVAL (label)
 */
export async function formatFat(
  device: BlockDevice,
  wanted: FatType | undefined,
  options: FormatOptions,
): Promise<void> {
  const p = plan(device.size, wanted, sectorSizeOf(device, options), options);
  const label = encodeLabel(options.label ?? '', defaultCodePage);
  const boot = bootSector(p, label, options);
  const { sectorSize } = p;
  const tableStart = p.reserved * sectorSize;
  const heap = (p.reserved + p.fats * p.fatSectors + p.rootSectors) * sectorSize;
  const rootBytes = p.type === 'fat32' ? p.sectorsPerCluster * sectorSize : 0;
  // The boot sector comes last: until then there is no file system.
  await writeZeroes(device, 0, heap + rootBytes);
  for (let i = 0; i < p.fats; i++) await device.write(tableStart + i * p.fatSectors * sectorSize, tableHead(p));
  if ((options.label ?? '') !== '') {
    const rootStart = p.type === 'fat32' ? heap : heap - p.rootSectors * sectorSize;
    await device.write(rootStart, labelEntry(label, options));
  }
  if (p.type === 'fat32') {
    const info = fsInfo(p);
    for (const base of [0, BACKUP_BOOT]) await device.write((base + 1) * sectorSize, info);
    await device.write(BACKUP_BOOT * sectorSize, boot);
  }
  await device.write(0, boot);
  await device.flush();
}

/** The first entries of a table: media type, clean mark, and FAT32's root directory. Microsoft FAT specification 1.03 §4. */
function tableHead(p: Plan): Uint8Array {
  const media = mediaOf(p);
  if (p.type === 'fat12') return Uint8Array.of(media, 0xff, 0xff);
  if (p.type === 'fat16') return Uint8Array.of(media, 0xff, 0xff, 0xff);
  return Uint8Array.of(media, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0x0f);
}

function isFloppy(p: Plan): boolean {
  return p.type === 'fat12' && p.totalSectors * p.sectorSize <= FLOPPY;
}

function mediaOf(p: Plan): number {
  return isFloppy(p) ? 0xf0 : 0xf8;
}

function labelEntry(label: Uint8Array, options: FormatOptions): Uint8Array {
  const { stamp } = encodeStamp(momentOf(options), 0);
  return ShortEntry.encode({
    name: label,
    attributes: Attribute.volumeId,
    modifiedTime: stamp & 0xffff,
    modifiedDate: stamp >>> 16,
  });
}

function fsInfo(p: Plan): Uint8Array {
  return FsInfo.encode({
    leadSignature: Signature.fsInfoLead,
    structSignature: Signature.fsInfoStruct,
    freeCount: p.clusters - 1,
    nextFree: FIRST_CLUSTER + 1,
    trailSignature: Signature.fsInfoTrail,
  });
}

function bootSector(p: Plan, label: Uint8Array, options: FormatOptions): Uint8Array {
  const wide = p.type === 'fat32';
  const small = p.totalSectors < 0x10000 && !wide;
  const sector = new Uint8Array(p.sectorSize);
  const bpbEnd = wide ? ExtendedBpb32.size : ExtendedBpb16.size;
  BootSector.encodeInto(
    {
      jumpBoot: Uint8Array.of(0xeb, bpbEnd - 2, 0x90),
      oemName: 'MSWIN4.1',
      bytesPerSector: p.sectorSize,
      sectorsPerCluster: p.sectorsPerCluster,
      reservedSectors: p.reserved,
      numberOfFats: p.fats,
      rootEntries: p.rootEntries,
      totalSectors16: small ? p.totalSectors : 0,
      totalSectors32: small ? 0 : p.totalSectors,
      media: mediaOf(p),
      fatSize16: wide ? 0 : p.fatSectors,
      sectorsPerTrack: isFloppy(p) ? 18 : 32,
      heads: isFloppy(p) ? 2 : 64,
      hiddenSectors: extraNumber(options, 'hiddenSectors', 0, MAX_SECTORS),
      signature: Signature.boot,
    },
    sector,
  );
  const common = {
    driveNumber: isFloppy(p) ? 0 : 0x80,
    bootSignature: Signature.extended,
    volumeId: serialOf(options),
    volumeLabel: label,
    fsType: `${p.type.toUpperCase().padEnd(8)}`,
  };
  const more = { fatSize32: p.fatSectors, rootCluster: FIRST_CLUSTER, fsInfoSector: 1, backupBootSector: BACKUP_BOOT };
  if (wide) ExtendedBpb32.encodeInto({ ...common, ...more }, sector);
  else ExtendedBpb16.encodeInto(common, sector);
  sector.set(BOOT_CODE, bpbEnd);
  return sector;
}

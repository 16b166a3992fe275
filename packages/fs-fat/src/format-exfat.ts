import { alignUp } from '@vmcraft/core/binary';
import { writeZeroes } from '@vmcraft/core/block';
import type { BlockDevice, FormatOptions } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';
import { sealBootRegion } from './exfat-boot.js';
import { encodeLabelEntry } from './exfat-label.js';
import { clusterSizeOf, extraNumber, sectorSizeOf, serialOf } from './format-options.js';
import { ENTRY_SIZE, FIRST_CLUSTER, Signature } from './layout.js';
import {
  BitmapEntry,
  BOOT_REGION_SECTORS,
  EntryType,
  EXFAT_NAME,
  EXTENDED_BOOT_SIGNATURE,
  ExfatBootSector,
  MAX_EXFAT_CLUSTERS,
  SHIFT,
  UpcaseEntry,
} from './layout-exfat.js';
import { compressUpcase, RECOMMENDED_CHECKSUM, recommendedUpcase } from './upcase.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** Cluster sizes by size of the volume: Microsoft's table, which mkfs.exfat follows. */
const CLUSTERS: readonly (readonly [below: number, clusterSize: number])[] = [
  [256 * MIB, 4096],
  [32 * GIB, 32768],
  [Number.POSITIVE_INFINITY, 131072],
];
/** Table and clusters start at multiples of this on volumes that are large enough. */
const BOUNDARY = MIB;
const BOUNDARY_FROM = 8 * MIB;
/** exFAT specification §3.1.6: 1 MiB at least. */
const MIN_VOLUME = MIB;
const EXTENDED_SECTORS = 8;
const TABLE_MEDIA = 0xfffffff8;
const END = 0xffffffff;

/** Where everything of a new volume lies, bytes and clusters. */
interface Plan {
  readonly sectorSize: number;
  readonly clusterSize: number;
  readonly volumeSize: number;
  readonly fatOffset: number;
  readonly fatSize: number;
  readonly heapOffset: number;
  readonly clusterCount: number;
  /** Clusters of the bitmap, the up-case table, the root directory; they follow each other from cluster 2. */
  readonly parts: readonly number[];
}

/** @throws UsageError when the device is too small or the clusters too large */
function plan(device: BlockDevice, options: FormatOptions, upcaseBytes: number): Plan {
  const sectorSize = sectorSizeOf(device, options);
  const volumeSize = Math.floor(device.size / sectorSize) * sectorSize;
  const usual = CLUSTERS.find(([below]) => volumeSize <= below)![1];
  const clusterSize = clusterSizeOf(options, sectorSize, 2 ** SHIFT.maxCluster) ?? Math.max(usual, sectorSize);
  const boundary = volumeSize >= BOUNDARY_FROM ? BOUNDARY : sectorSize;
  const fatOffset = alignUp(2 * BOOT_REGION_SECTORS * sectorSize, boundary);
  const most = Math.max(0, Math.floor((volumeSize - fatOffset) / clusterSize));
  const fatSize = alignUp((most + FIRST_CLUSTER) * 4, sectorSize);
  const heapOffset = alignUp(fatOffset + fatSize, Math.max(boundary, Math.min(clusterSize, BOUNDARY)));
  const clusterCount = Math.min(Math.floor((volumeSize - heapOffset) / clusterSize), MAX_EXFAT_CLUSTERS);
  const parts = [Math.ceil(clusterCount / 8), upcaseBytes, 1].map((n) => Math.ceil(n / clusterSize));
  if (volumeSize < MIN_VOLUME || clusterCount < parts.reduce((a, b) => a + b)) {
    const clusters = `clusters of ${clusterSize} bytes`;
    throw new UsageError(`exFAT with ${clusters} does not fit a device of ${device.size} bytes`, {
      argument: 'blockSize',
    });
  }
  return { sectorSize, clusterSize, volumeSize, fatOffset, fatSize, heapOffset, clusterCount, parts };
}

/**
 * Format as exFAT.
 * @throws UsageError, FsError EINVAL (label)
 */
export async function formatExfat(device: BlockDevice, options: FormatOptions): Promise<void> {
  const upcase = compressUpcase(recommendedUpcase());
  const p = plan(device, options, upcase.length);
  const label = encodeLabelEntry(options.label ?? '');
  const region = bootRegion(p, options);
  const used = p.parts.reduce((a, b) => a + b);
  const at = (part: number): number => p.heapOffset + p.parts.slice(0, part).reduce((a, b) => a + b, 0) * p.clusterSize;
  // The main boot region comes last: until then there is no file system.
  await writeZeroes(device, 0, p.fatOffset + p.fatSize);
  await writeZeroes(device, p.heapOffset, used * p.clusterSize);
  await device.write(p.fatOffset, tableHead(p.parts));
  await device.write(at(0), usedBits(used));
  await device.write(at(1), upcase);
  await device.write(at(2), rootEntries(p, label, upcase.length));
  await device.write(region.length, region);
  await device.write(0, region);
  await device.flush();
}

/** Reserved entries and the chains of the first three objects. exFAT specification §4.1. */
function tableHead(parts: readonly number[]): Uint8Array {
  const entries = [TABLE_MEDIA, END];
  for (const count of parts) {
    for (let i = 1; i < count; i++) entries.push(entries.length + 1);
    entries.push(END);
  }
  const data = new Uint8Array(entries.length * 4);
  const view = new DataView(data.buffer);
  for (const [i, entry] of entries.entries()) view.setUint32(i * 4, entry, true);
  return data;
}

/** A bitmap with its first `count` bits set. */
function usedBits(count: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 8)).fill(0xff);
  if (count % 8 !== 0) bits[bits.length - 1] = (1 << (count % 8)) - 1;
  return bits;
}

function rootEntries(p: Plan, label: Uint8Array, upcaseBytes: number): Uint8Array {
  const bitmap = BitmapEntry.encode({
    type: EntryType.bitmap,
    firstCluster: FIRST_CLUSTER,
    dataLength: BigInt(Math.ceil(p.clusterCount / 8)),
  });
  const upcase = UpcaseEntry.encode({
    type: EntryType.upcase,
    checksum: RECOMMENDED_CHECKSUM,
    firstCluster: FIRST_CLUSTER + p.parts[0]!,
    dataLength: BigInt(upcaseBytes),
  });
  const out = new Uint8Array(3 * ENTRY_SIZE);
  for (const [i, entry] of [label, bitmap, upcase].entries()) out.set(entry, i * ENTRY_SIZE);
  return out;
}

/** A whole boot region. exFAT specification §3. */
function bootRegion(p: Plan, options: FormatOptions): Uint8Array {
  const { sectorSize } = p;
  const region = new Uint8Array(BOOT_REGION_SECTORS * sectorSize);
  const used = p.parts.reduce((a, b) => a + b);
  ExfatBootSector.encodeInto(
    {
      jumpBoot: Uint8Array.of(0xeb, 0x76, 0x90),
      fileSystemName: EXFAT_NAME,
      partitionOffset: BigInt(extraNumber(options, 'hiddenSectors', 0, Number.MAX_SAFE_INTEGER)),
      volumeLength: BigInt(p.volumeSize / sectorSize),
      fatOffset: p.fatOffset / sectorSize,
      fatLength: p.fatSize / sectorSize,
      clusterHeapOffset: p.heapOffset / sectorSize,
      clusterCount: p.clusterCount,
      rootCluster: FIRST_CLUSTER + p.parts[0]! + p.parts[1]!,
      serialNumber: serialOf(options),
      revision: 0x0100,
      bytesPerSectorShift: Math.log2(sectorSize),
      sectorsPerClusterShift: Math.log2(p.clusterSize / sectorSize),
      numberOfFats: 1,
      driveSelect: 0x80,
      percentInUse: Math.floor((used * 100) / p.clusterCount),
      bootSignature: Signature.boot,
    },
    region,
  );
  // HLT in a loop where boot code would be; exFAT specification §3.1.19 wants F4h.
  region.fill(0xf4, 120, 510);
  const view = new DataView(region.buffer);
  for (let i = 1; i <= EXTENDED_SECTORS; i++) view.setUint32((i + 1) * sectorSize - 4, EXTENDED_BOOT_SIGNATURE, true);
  sealBootRegion(region, sectorSize);
  return region;
}

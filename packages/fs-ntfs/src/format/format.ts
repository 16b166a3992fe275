import { alignUp } from '@vmcraft/core/binary';
import type { BlockDevice, FormatOptions } from '@vmcraft/core/contracts';
import { CapabilityError, UsageError } from '@vmcraft/core/errors';
import { bootSector, NTFS_OEM_ID, RecordFlag, SystemFile } from '../layout.js';
import { HOLE, type RunList } from '../run-list.js';
import { attributeDefinitions } from './attribute-definitions.js';
import { newSecure, rootDescriptor } from './descriptors.js';
import { indexBlockBytes } from './index-value.js';
import { BOOT_BYTES, EMPTY_LOG, INDEX_BLOCK_BYTES } from './layout-format.js';
import { type FormatPlan, type Loose, type PlaceName, placeOf, planVolume } from './plan.js';
import { encodeRecord } from './record.js';
import { checkRequest } from './request.js';
import { entriesOf, type SystemContents, type SystemRecord, systemRecords } from './system-files.js';
import { defaultUpcase } from './upcase-table.js';

const MEDIA_DESCRIPTOR = 0xf8;
/** Jump over the parameters to the code. */
const JUMP = Uint8Array.of(0xeb, 0x52, 0x90);
const CODE_OFFSET = 0x54;
/** Does nothing: INT 18h (no bootable disk), then HLT in a loop. */
const BOOT_CODE = Uint8Array.of(0xcd, 0x18, 0xf4, 0xeb, 0xfd);
/** Number of the first hard disk, and the signature behind it. */
const PHYSICAL_DRIVE = Uint8Array.of(0x80, 0, 0x80, 0);
const PHYSICAL_DRIVE_OFFSET = 0x24;
const BOOT_SIGNATURE = 0xaa55;
/** Bytes that are written at once. */
const CHUNK = 1024 * 1024;

/** A size as the boot sector has it: in clusters, or as a negative power of two of bytes. */
function sizeByte(size: number, clusterSize: number): number {
  return size >= clusterSize ? size / clusterSize : 0x100 - Math.log2(size);
}

/** The boot sector, 512 bytes. */
function bootBytes(plan: FormatPlan): Uint8Array {
  const { sectorSize, clusterSize, recordSize } = plan;
  const perCluster = clusterSize / sectorSize;
  const boot = bootSector.encode({
    oemId: NTFS_OEM_ID,
    sectorSize,
    sectorsPerCluster: perCluster <= 0x80 ? perCluster : 0x100 - Math.log2(perCluster),
    mediaDescriptor: MEDIA_DESCRIPTOR,
    sectorsPerTrack: plan.sectorsPerTrack,
    heads: plan.heads,
    hiddenSectors: plan.hiddenSectors,
    totalSectors: BigInt(plan.totalSectors),
    mftLcn: BigInt(placeOf(plan, 'mft').runs[0]?.lcn ?? 0),
    mftMirrorLcn: BigInt(placeOf(plan, 'mirror').runs[0]?.lcn ?? 0),
    clustersPerRecord: sizeByte(recordSize, clusterSize),
    clustersPerIndexBlock: sizeByte(INDEX_BLOCK_BYTES, clusterSize),
    serial: plan.serial,
    signature: BOOT_SIGNATURE,
  });
  boot.set(JUMP);
  boot.set(PHYSICAL_DRIVE, PHYSICAL_DRIVE_OFFSET);
  boot.set(BOOT_CODE, CODE_OFFSET);
  return boot;
}

function setBits(bits: Uint8Array, from: number, to: number): void {
  for (let bit = from; bit < to; bit++) {
    if (bit % 8 === 0 && to - bit >= 8) {
      bits.fill(0xff, bit / 8, (bit + ((to - bit) & ~7)) / 8);
      bit += ((to - bit) & ~7) - 1;
    } else bits[bit >> 3] = (bits[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
}

/** $Bitmap: clusters in use, and those behind the end of the volume. */
function bitmapBytes(plan: FormatPlan): Uint8Array {
  const bits = new Uint8Array(plan.bitmapSize);
  for (const list of plan.places.values()) {
    for (const { lcn, length } of list.runs) if (lcn !== HOLE) setBits(bits, lcn, lcn + length);
  }
  setBits(bits, plan.totalClusters, plan.bitmapSize * 8);
  return bits;
}

function mftBitmapBytes(plan: FormatPlan, records: readonly SystemRecord[]): Uint8Array {
  const bits = new Uint8Array(plan.mftBitmapSize);
  for (const { number, flags } of records) if ((flags & RecordFlag.inUse) !== 0) setBits(bits, number, number + 1);
  return bits;
}

/** Write a value to its clusters, and zeros behind it to the end of the last. */
async function store(device: BlockDevice, plan: FormatPlan, list: RunList, value: Uint8Array): Promise<void> {
  const { clusterSize } = plan;
  let at = 0;
  for (const { lcn, length } of list.runs) {
    const bytes = length * clusterSize;
    for (let done = 0; done < bytes; done += CHUNK) {
      const part = Math.min(CHUNK, bytes - done);
      const data = value.subarray(at + done, at + done + part);
      const padded = data.length === part ? data : new Uint8Array(part);
      if (padded !== data) padded.set(data);
      await device.write(lcn * clusterSize + done, padded);
    }
    at += bytes;
  }
}

async function writeLog(device: BlockDevice, plan: FormatPlan): Promise<void> {
  const chunk = new Uint8Array(Math.min(CHUNK, plan.logSize)).fill(EMPTY_LOG);
  for (const { lcn, length } of placeOf(plan, 'log').runs) {
    const bytes = length * plan.clusterSize;
    for (let done = 0; done < bytes; done += chunk.length) {
      await device.write(lcn * plan.clusterSize + done, chunk.subarray(0, Math.min(chunk.length, bytes - done)));
    }
  }
}

function valuesOf(plan: FormatPlan, contents: SystemContents): Map<PlaceName, Uint8Array> {
  const records = systemRecords(plan, contents);
  const mft = new Uint8Array(plan.mftSize);
  for (const record of records) {
    mft.set(encodeRecord(record, plan.recordSize, plan.clusterSize), record.number * plan.recordSize);
  }
  return new Map<PlaceName, Uint8Array>([
    ['mftBitmap', mftBitmapBytes(plan, records)],
    ['mft', mft],
    ['mirror', mft.subarray(0, Math.min(plan.mirrorSize, mft.length))],
    ['rootDescriptor', rootDescriptor()],
    ['rootIndex', indexBlockBytes(entriesOf(records, SystemFile.root))],
    ['attributeDefinitions', attributeDefinitions()],
    ['bitmap', bitmapBytes(plan)],
    ['descriptors', contents.secure.sds],
    ['upcase', contents.upcase],
  ]);
}

/**
 * Make an empty NTFS 3.1 file system over the whole device, laid out as mkntfs does.
 *
 * `blockSize` is the cluster size, `sectorSize` that of sectors, `uuid` the serial number (16 hexadecimal digits); see `checkRequest` for
 * what `extra` may have. MFT records are 1 KiB, or a sector where that is larger.
 * @throws UsageError for options that do not fit; CapabilityError for a read-only device; FsError EINVAL, ENOSPC
 */
export async function format(device: BlockDevice, type: string, options: FormatOptions): Promise<void> {
  if (type !== 'ntfs') throw new UsageError(`'${type}' is no NTFS type`, { argument: 'type' });
  if (!device.writable) throw CapabilityError.readOnly('device');
  const request = checkRequest(device, options);
  const contents: SystemContents = { secure: newSecure(), upcase: defaultUpcase() };
  const definitions = attributeDefinitions().length;
  const loose = (recordSize: number, clusters: number): Loose => [
    ['rootDescriptor', rootDescriptor().length],
    ['rootIndex', INDEX_BLOCK_BYTES],
    ['attributeDefinitions', definitions + 1024 > recordSize ? definitions : 0],
    ['bitmap', alignUp(Math.ceil(clusters / 8), 8)],
    ['descriptors', contents.secure.sds.length],
    ['upcase', contents.upcase.length],
  ];
  const plan = planVolume(request, loose);
  for (const [name, value] of valuesOf(plan, contents)) await store(device, plan, placeOf(plan, name), value);
  await writeLog(device, plan);
  const boot = bootBytes(plan);
  await device.write(plan.totalSectors * plan.sectorSize, padTo(boot, plan.sectorSize));
  // The boot sector comes last: until then there is no file system.
  await device.write(0, padTo(boot, BOOT_BYTES));
  await device.flush();
}

function padTo(data: Uint8Array, size: number): Uint8Array {
  const padded = new Uint8Array(size);
  padded.set(data);
  return padded;
}

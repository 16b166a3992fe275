import { alignUp, encodeUtf8 } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { wipeSignatures } from '@vmcraft/core/storage';
import { lvmChecksum } from '../checksum.js';
import {
  DiskLocation,
  EXTENSION_VERSION,
  LABEL_CRC_START,
  LABEL_ID,
  LABEL_SECTOR,
  LABEL_SECTORS,
  LABEL_TYPE,
  LabelHeader,
  PvHeader,
  PvHeaderExtension,
  SECTOR,
} from '../layout.js';
import type { PvLabel, Span } from '../physical-volume-label.js';
import { newUuid, plainUuid } from '../uuid.js';
import { writeMetadataHeader } from './write-metadata.js';

/** Where pvcreate puts the first extent and the metadata area before it (lvm.conf `default_data_alignment`). */
const DATA_START = 1024 * 1024;
const METADATA_START = 4096;
/** lvm.conf `pv_min_size`. */
const MIN_SIZE = 2 * 1024 * 1024;

/** Make a device a physical volume of no group. @throws FsError ENOSPC when it is too small */
export async function createPhysicalVolume(device: BlockDevice): Promise<PvLabel> {
  if (device.size < MIN_SIZE) {
    const reason = `${device.size} bytes, at least ${MIN_SIZE} are needed`;
    throw new FsError('ENOSPC', { operation: 'pvcreate', reason });
  }
  await wipeSignatures(device);
  await device.write(0, new Uint8Array(LABEL_SECTORS * SECTOR));
  const metadata: Span = { offset: METADATA_START, size: DATA_START - METADATA_START };
  await device.write(metadata.offset, new Uint8Array(SECTOR * 8));
  await writeMetadataHeader(device, metadata);
  const label: PvLabel = {
    uuid: newUuid(),
    sector: LABEL_SECTOR,
    deviceSize: device.size,
    dataAreas: [{ offset: DATA_START, size: 0 }],
    metadataAreas: [metadata],
    extensionVersion: EXTENSION_VERSION,
    extensionFlags: 0,
    bootAreas: [],
  };
  await writePvLabel(device, label);
  return label;
}

/** Write a label; it takes the place of the one in its sector. */
export async function writePvLabel(device: BlockDevice, label: PvLabel): Promise<void> {
  const sector = new Uint8Array(SECTOR);
  const start = LabelHeader.size;
  PvHeader.encodeInto({ uuid: encodeUtf8(plainUuid(label.uuid)), deviceSize: BigInt(label.deviceSize) }, sector, start);
  let at = start + PvHeader.size;
  const list = (spans: readonly Span[]): void => {
    for (const { offset, size } of [...spans, { offset: 0, size: 0 }]) {
      DiskLocation.encodeInto({ offset: BigInt(offset), size: BigInt(size) }, sector, at);
      at += DiskLocation.size;
    }
  };
  list(label.dataAreas);
  list(label.metadataAreas);
  PvHeaderExtension.encodeInto({ version: label.extensionVersion, flags: label.extensionFlags }, sector, at);
  at += PvHeaderExtension.size;
  if (label.extensionVersion >= EXTENSION_VERSION) list(label.bootAreas);
  const header = { id: LABEL_ID, sector: BigInt(label.sector), offset: start, type: LABEL_TYPE };
  LabelHeader.encodeInto(header, sector);
  LabelHeader.encodeInto({ crc: lvmChecksum(sector.subarray(LABEL_CRC_START)) }, sector);
  await device.write(label.sector * SECTOR, sector);
  await device.flush();
}

/** Make a device no physical volume any more. */
export async function removePhysicalVolume(device: BlockDevice, label: PvLabel): Promise<void> {
  await device.write(label.sector * SECTOR, new Uint8Array(SECTOR));
  for (const { offset } of label.metadataAreas) await device.write(offset, new Uint8Array(SECTOR));
  await device.flush();
}

/** Sector of the first extent of a physical volume that is in no group yet. */
export function firstExtentSector(label: PvLabel): number {
  const end = label.metadataAreas.reduce((last, a) => Math.max(last, a.offset < DATA_START ? a.offset + a.size : 0), 0);
  return (label.dataAreas[0]?.offset ?? alignUp(Math.max(end, METADATA_START), DATA_START)) / SECTOR;
}

/** Extents that fit on a device. An area at its end, as `--metadatacopies 2` makes it, is left out. */
export function extentsThatFit(label: PvLabel, deviceSize: number, start: number, extentSize: number): number {
  const tail = label.metadataAreas.filter((a) => a.offset >= start * SECTOR).map((a) => a.offset);
  const end = Math.min(deviceSize, ...tail) / SECTOR;
  return Math.max(0, Math.floor((end - start) / extentSize));
}

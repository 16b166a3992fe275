import { toSafeInteger, viewOf } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { lvmChecksum } from './checksum.js';
import {
  DiskLocation,
  LABEL_CRC_START,
  LABEL_ID,
  LABEL_SECTORS,
  LABEL_TYPE,
  LabelHeader,
  Lvm1Header,
  PvHeader,
  PvHeaderExtension,
  SECTOR,
} from './layout.js';
import { dashedUuid } from './uuid.js';

/** A span of a device in bytes. */
export interface Span {
  readonly offset: number;
  readonly size: number;
}

/** What the label of a physical volume says. */
export interface PvLabel {
  readonly uuid: string;
  /** Sector that the label is in. */
  readonly sector: number;
  /** Bytes of the device when it was made or resized last. */
  readonly deviceSize: number;
  readonly dataAreas: readonly Span[];
  readonly metadataAreas: readonly Span[];
  /** 0 when there is no extension of the header. */
  readonly extensionVersion: number;
  readonly extensionFlags: number;
  readonly bootAreas: readonly Span[];
}

/**
 * The label of a device; undefined when it has none. Of several the first is in force, as for LVM.
 * @throws CorruptImageError when a label's checksum is right and its content is not
 */
export async function readPvLabel(device: BlockDevice): Promise<PvLabel | undefined> {
  const length = Math.min(LABEL_SECTORS * SECTOR, device.size - (device.size % SECTOR));
  const data = await device.read(0, length);
  for (let sector = 0; (sector + 1) * SECTOR <= length; sector++) {
    const label = data.subarray(sector * SECTOR, (sector + 1) * SECTOR);
    const header = LabelHeader.decode(label);
    if (header.id !== LABEL_ID || header.sector !== BigInt(sector) || header.type !== LABEL_TYPE) continue;
    if (lvmChecksum(label.subarray(LABEL_CRC_START)) !== header.crc) continue;
    return decodeLabel(label, header.offset, sector);
  }
  return undefined;
}

function decodeLabel(label: Uint8Array, start: number, sector: number): PvLabel {
  const base = sector * SECTOR;
  const header = PvHeader.decode(label, start, base);
  const uuid = String.fromCharCode(...header.uuid);
  if (!/^[a-zA-Z0-9!#]{32}$/.test(uuid)) {
    throw new CorruptImageError({ structure: 'pv_header', field: 'pv_uuid', offset: base + start, reason: 'no UUID' });
  }
  const data = readList(label, start + PvHeader.size, base);
  const metadata = readList(label, data.end, base);
  const hasExtension = metadata.end + PvHeaderExtension.size <= SECTOR;
  const extension = hasExtension ? PvHeaderExtension.decode(label, metadata.end, base) : { version: 0, flags: 0 };
  const boot = extension.version < 2 ? undefined : readList(label, metadata.end + PvHeaderExtension.size, base);
  return {
    uuid: dashedUuid(uuid),
    sector,
    deviceSize: toSafeInteger(header.deviceSize, 'pv_header.device_size'),
    dataAreas: data.spans,
    metadataAreas: metadata.spans,
    extensionVersion: extension.version,
    extensionFlags: extension.flags,
    bootAreas: boot?.spans ?? [],
  };
}

function readList(label: Uint8Array, start: number, base: number): { spans: Span[]; end: number } {
  const spans: Span[] = [];
  for (let at = start; ; at += DiskLocation.size) {
    const { offset, size } = DiskLocation.decode(label, at, base);
    if (offset === 0n) return { spans, end: at + DiskLocation.size };
    spans.push({ offset: toSafeInteger(offset, 'disk_locn.offset'), size: toSafeInteger(size, 'disk_locn.size') });
  }
}

/** Whether the device begins as a physical volume of LVM1 does. */
export async function isLvm1(device: BlockDevice): Promise<boolean> {
  if (device.size < 2 * SECTOR) return false;
  const data = await device.read(0, SECTOR);
  const header = Lvm1Header.decode(data);
  const version = viewOf(header.version).getUint16(0, true);
  return header.id === 'HM' && (version === 1 || version === 2) && header.pvBase === 0 && header.pvSize === 1024;
}

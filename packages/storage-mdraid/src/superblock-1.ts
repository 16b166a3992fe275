import { toSafeInteger, uuidToString, viewOf } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import {
  ALL_SECTORS,
  FEATURE,
  MAX_DEVICES,
  MAX_ROLE,
  MD_MAGIC,
  ROLE,
  SECTOR,
  Superblock1,
  WRITE_MOSTLY,
} from './layout.js';
import type { MdSuperblock, Role, SuperblockChange } from './superblock.js';

const STRUCTURE = Superblock1.name;
const VERSIONS = ['1.0', '1.1', '1.2'] as const;

/** Where the superblock of each minor version lies on a device: at least 8 KiB from its end, at its start, 4 KiB from there. */
function placesOf(size: number): readonly (number | undefined)[] {
  const sectors = Math.floor(size / SECTOR) - 16;
  return [sectors < 0 ? undefined : (sectors - (sectors % 8)) * SECTOR, 0, 4096];
}

/**
 * The superblock of version 1 on a device; undefined when there is none.
 * @throws CorruptImageError when there is one that is broken
 */
export async function readSuperblock1(device: BlockDevice): Promise<MdSuperblock | undefined> {
  for (const [minor, offset] of placesOf(device.size).entries()) {
    if (offset === undefined || offset + Superblock1.size > device.size) continue;
    const data = await device.read(offset, Math.min(4096, device.size - offset));
    const view = viewOf(data);
    if (view.getUint32(0, true) !== MD_MAGIC || view.getUint32(4, true) !== 1) continue;
    if (view.getBigUint64(Superblock1.offsetOf('superOffset'), true) !== BigInt(offset / SECTOR)) continue;
    return parse(data.slice(), offset, VERSIONS[minor]!, device.size);
  }
  return undefined;
}

/** Sum of the 32-bit words, the carry added once (Linux drivers/md/md.c documents it as `sb_csum`). */
export function checksum1(data: Uint8Array, devices: number): number {
  const view = viewOf(data);
  const end = Superblock1.size + devices * 2;
  let sum = -view.getUint32(Superblock1.offsetOf('checksum'), true);
  let at = 0;
  for (; at + 4 <= end; at += 4) sum += view.getUint32(at, true);
  if (at < end) sum += view.getUint16(at, true);
  return ((sum % 2 ** 32) + Math.floor(sum / 2 ** 32)) >>> 0;
}

function corrupt(field: string, offset: number, reason: string): CorruptImageError {
  return new CorruptImageError({ structure: STRUCTURE, field, offset, reason });
}

function parse(data: Uint8Array, offset: number, version: MdSuperblock['version'], size: number): MdSuperblock {
  const s = Superblock1.decode(data, 0, offset);
  if (s.maxDevices > MAX_DEVICES || Superblock1.size + s.maxDevices * 2 > data.length) {
    throw corrupt('max_dev', offset, `${s.maxDevices} devices, ${MAX_DEVICES} fit`);
  }
  if (s.raidDisks < 1 || s.raidDisks > MAX_DEVICES) throw corrupt('raid_disks', offset, `${s.raidDisks} slots`);
  const expected = checksum1(data, s.maxDevices);
  if (s.checksum !== expected) {
    throw new CorruptImageError({ structure: STRUCTURE, field: 'sb_csum', offset, expected, found: s.checksum });
  }
  const bytes = (sectors: bigint, field: string): number => toSafeInteger(sectors, `${STRUCTURE}.${field}`) * SECTOR;
  const has = (feature: number): boolean => (s.featureMap & feature) !== 0;
  const dataOffset = bytes(s.dataOffset, 'data_offset');
  const dataSize = bytes(s.dataSize, 'data_size');
  if (!Number.isSafeInteger(dataOffset + dataSize) || dataOffset + dataSize > size) {
    throw corrupt('data_size', offset, `data ends at byte ${dataOffset + dataSize}, the device at ${size}`);
  }
  const roles = Array.from({ length: s.maxDevices }, (_, i) => roleOf(viewOf(data).getUint16(256 + i * 2, true)));
  const role = s.deviceNumber < roles.length ? roles[s.deviceNumber]! : 'spare';
  const hasPpl = has(FEATURE.ppl | FEATURE.multiplePpls);
  return {
    version,
    uuid: uuidToString(s.setUuid),
    rawUuid: s.setUuid,
    name: textOf(s.setName),
    preferredMinor: undefined,
    level: s.level,
    layout: s.layout,
    chunkSize: s.chunkSectors * SECTOR,
    disks: s.raidDisks,
    memberSize: bytes(s.size, 'size'),
    events: s.events,
    resynced: s.resyncOffset === ALL_SECTORS ? undefined : bytes(s.resyncOffset, 'resync_offset'),
    utime: Number(s.utime & 0xff_ffff_ffffn),
    features: s.featureMap,
    reshaped: has(FEATURE.reshape) ? s.reshapePosition : undefined,
    number: s.deviceNumber,
    deviceUuid: uuidToString(s.deviceUuid),
    role,
    roles,
    rebuilt: has(FEATURE.recoveryOffset) ? bytes(s.recoveryOffset, 'recovery_offset') : undefined,
    isReplacement: has(FEATURE.replacement),
    isWriteMostly: (s.deviceFlags & WRITE_MOSTLY) !== 0,
    dataOffset,
    dataSize,
    offset,
    bitmapOffset: has(FEATURE.bitmap) && !hasPpl ? offset + s.bitmapOffset * SECTOR : undefined,
    badBlockLog:
      has(FEATURE.badBlocks) && s.badBlockOffset !== 0
        ? {
            offset: offset + s.badBlockOffset * SECTOR,
            length: s.badBlockSectors * SECTOR,
            shift: s.badBlockShift,
          }
        : undefined,
    journalTail: s.recoveryOffset,
    changed: (change) => changed(data, change),
  };
}

function roleOf(value: number): Role {
  if (value === ROLE.faulty) return 'faulty';
  if (value === ROLE.journal) return 'journal';
  return value > MAX_ROLE ? 'spare' : value;
}

function textOf(data: Uint8Array): string {
  const end = data.indexOf(0);
  return new TextDecoder().decode(end < 0 ? data : data.subarray(0, end));
}

function changed(data: Uint8Array, { events, lost, time }: SuperblockChange): Uint8Array {
  const out = data.slice();
  const { maxDevices } = Superblock1.decode(out);
  const view = viewOf(out);
  for (let at = 256; at < 256 + maxDevices * 2; at += 2) {
    if (lost.has(view.getUint16(at, true))) view.setUint16(at, ROLE.faulty, true);
  }
  Superblock1.encodeInto({ events, utime: BigInt(time) }, out);
  Superblock1.encodeInto({ checksum: checksum1(out, maxDevices) }, out);
  return out;
}

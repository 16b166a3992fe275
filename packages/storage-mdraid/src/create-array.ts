import { alignDown } from '@vmcraft/core/binary';
import { PARITY_ALGORITHMS } from '@vmcraft/core/block';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';
import { ALL_SECTORS, FEATURE, MD_MAGIC, ROLE, SECTOR, Superblock1 } from './layout.js';
import { checksum1 } from './superblock-1.js';

/** What array is made. */
export interface CreateRequest {
  /** Name of at most 32 bytes. */
  readonly name: string;
  readonly level: number;
  /** Bytes; not of RAID 1 and linear ones. */
  readonly chunkSize: number;
  /** The devices in the order of slots; undefined where one is left out. */
  readonly slots: readonly (BlockDevice | undefined)[];
  readonly spares: readonly BlockDevice[];
}

const SUPER_OFFSET = 4096;
/** mdadm(8) starts data of version 1.2 here on small devices. */
const DATA_OFFSET = 1 << 20;
const RAID0_ALTERNATE = 2;
const TWO_NEAR_COPIES = 0x102;
const LAYOUTS: Readonly<Record<number, number>> = {
  0: RAID0_ALTERNATE,
  5: PARITY_ALGORITHMS['left-symmetric'],
  6: PARITY_ALGORITHMS['left-symmetric'],
  10: TWO_NEAR_COPIES,
};
/** Slots that a level needs, and how many of them may be empty. */
const NEEDS: Readonly<Record<number, readonly [disks: number, spareable: number]>> = {
  [-1]: [1, 0],
  0: [1, 0],
  1: [1, Number.POSITIVE_INFINITY],
  4: [2, 1],
  5: [2, 1],
  6: [4, 2],
  10: [2, Number.POSITIVE_INFINITY],
};
/** Slots and spares that mdadm makes. */
const MAX_DISKS = 254;

/**
 * Write superblocks of version 1.2. What the devices held is lost; redundancy is not made right here, but md does so when it first
 * runs the array.
 * @throws UsageError when no such array can be
 */
export async function createArray(request: CreateRequest): Promise<void> {
  const { slots, spares, level } = request;
  const there = [...slots, ...spares].filter((device) => device !== undefined);
  check(request, there);
  const uuid = globalThis.crypto.getRandomValues(new Uint8Array(16));
  const now = Math.floor(Date.now() / 1000);
  const isRedundant = level > 0;
  const isWhole = slots.every((device) => device !== undefined);
  const hasParity = level >= 4 && level <= 6;
  const name = new TextEncoder().encode(request.name);
  const shared = {
    magic: MD_MAGIC,
    majorVersion: 1,
    featureMap: level === 0 ? FEATURE.raid0Layout : 0,
    setUuid: uuid,
    setName: name,
    ctime: BigInt(now),
    utime: BigInt(now),
    level,
    layout: LAYOUTS[level] ?? 0,
    size: isRedundant ? BigInt(memberSectors(request, there)) : 0n,
    chunkSectors: level === 1 ? 0 : request.chunkSize / SECTOR,
    raidDisks: slots.length,
    dataOffset: BigInt(DATA_OFFSET / SECTOR),
    superOffset: BigInt(SUPER_OFFSET / SECTOR),
    // As mdadm does: an array with parity that lacks a member starts as clean, else md would not run it.
    resyncOffset: isRedundant && !(hasParity && !isWhole) ? 0n : ALL_SECTORS,
    maxDevices: 128 * Math.ceil((slots.length + spares.length) / 128),
  };
  const numbers = [...slots, ...spares];
  const roles = numbers.map((device, i) => (device === undefined ? ROLE.faulty : i < slots.length ? i : ROLE.spare));
  for (const [deviceNumber, device] of numbers.entries()) {
    if (device === undefined) continue;
    const dataSize = BigInt(sectorsOf(device));
    const deviceUuid = globalThis.crypto.getRandomValues(new Uint8Array(16));
    await writeSuperblock(device, { ...shared, deviceNumber, dataSize, deviceUuid }, roles);
  }
}

async function writeSuperblock(
  device: BlockDevice,
  fields: Parameters<typeof Superblock1.encode>[0] & { readonly maxDevices: number },
  roles: readonly number[],
): Promise<void> {
  const data = new Uint8Array(4096);
  Superblock1.encodeInto(fields, data);
  const view = new DataView(data.buffer);
  for (let i = 0; i < fields.maxDevices; i++) view.setUint16(256 + i * 2, roles[i] ?? ROLE.spare, true);
  Superblock1.encodeInto({ checksum: checksum1(data, fields.maxDevices) }, data);
  // Signatures of what was there before would be found first.
  await device.write(0, new Uint8Array(SUPER_OFFSET));
  await device.write(SUPER_OFFSET, data);
  const tail = alignDown(device.size - 131_072, SECTOR);
  if (tail > DATA_OFFSET) await device.write(tail, new Uint8Array(device.size - tail));
}

const sectorsOf = (device: BlockDevice): number => Math.floor((device.size - DATA_OFFSET) / SECTOR);

function memberSectors({ level, chunkSize }: CreateRequest, devices: readonly BlockDevice[]): number {
  const smallest = Math.min(...devices.map(sectorsOf));
  return alignDown(smallest, level === 1 ? 8 : chunkSize / SECTOR);
}

function check(request: CreateRequest, there: readonly BlockDevice[]): void {
  const { name, level, slots, spares, chunkSize } = request;
  const refuse = (reason: string): never => {
    throw new UsageError(`no such array: ${reason}`, { action: 'md_create' });
  };
  if (new TextEncoder().encode(name).length > 32 || name === '' || /[/:\s]/.test(name)) {
    refuse('its name has 1 to 32 bytes, without spaces, colons and slashes');
  }
  const [disks, spareable] = NEEDS[level] ?? refuse(`level ${level}`);
  const missing = slots.filter((device) => device === undefined).length;
  if (slots.length + spares.length > MAX_DISKS) refuse(`at most ${MAX_DISKS} devices`);
  if (slots.length < disks) refuse(`this level needs ${disks} devices, not ${slots.length}`);
  if (missing > spareable || missing === slots.length) refuse(`${missing} devices are missing`);
  if (spares.length > 0 && level < 1) refuse('this level has no spares');
  if (level !== 1 && (chunkSize < 4096 || chunkSize % 4096 !== 0 || chunkSize > 1 << 30)) {
    refuse(`chunks have a multiple of 4096 bytes, not ${chunkSize}`);
  }
  const smallest = Math.min(...there.map((device) => device.size));
  const room = Math.max(level === 1 ? 0 : chunkSize, 65_536);
  if (smallest < DATA_OFFSET + room) refuse(`devices have at least ${DATA_OFFSET + room} bytes, not ${smallest}`);
}

/** The UUID as mdadm writes it: four groups of eight digits. */
export function mdadmUuid(uuid: string): string {
  return uuid.replaceAll('-', '').replace(/^(.{8})(.{8})(.{8})(.{8})$/, '$1:$2:$3:$4');
}

import { alignDown } from '@vmcraft/core/binary';
import {
  type ArrayMember,
  ConcatDevice,
  MirrorArray,
  ParityArray,
  parityLayout,
  Raid10Array,
  raid10Geometry,
  SliceDevice,
} from '@vmcraft/core/block';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, isVmcraftError, UnsupportedFeatureError, UsageError } from '@vmcraft/core/errors';
import { type ArraySet, nameOf } from './array-set.js';
import { readBadBlocks } from './bad-blocks.js';
import { SECTOR } from './layout.js';
import { levelName, parityOf } from './levels.js';
import { MissingMemberError } from './missing-member.js';
import { stripeZones } from './raid0-zones.js';
import type { MdDevice } from './superblock.js';

/** Slots without a device that is in use. */
export function missingSlots(set: ArraySet): number[] {
  return set.slots.flatMap((device, slot) => (device === undefined && !set.replacements.has(slot) ? [slot] : []));
}

/**
 * The array over its members.
 * @param name for errors: `/dev/md127`
 * @throws MissingMemberError when too few are there; CorruptImageError, UnsupportedFeatureError
 */
export async function buildArray(set: ArraySet, name: string): Promise<BlockDevice> {
  const { superblock, title } = set;
  const { level } = superblock;
  if (level === -1 || level === 0) return plainArray(set, name);
  const missing = missingSlots(set);
  const spareable = { 1: superblock.disks - 1, 4: 1, 5: 1, 6: 2, 10: superblock.disks - 1 }[level] ?? 0;
  if (missing.length > spareable) throw tooFew(set);
  requireClean(set, missing.length);
  if (level !== 1) requireChunk(set);
  const memberSize = level === 1 ? superblock.memberSize : alignDown(superblock.memberSize, superblock.chunkSize);
  if (memberSize === 0) throw new CorruptImageError({ structure: title, field: 'size', found: superblock.memberSize });
  const members = await Promise.all(
    superblock.disks === 0 ? [] : set.slots.map((_, i) => memberOf(set, i, memberSize)),
  );
  return redundantArray(set, members, memberSize, name);
}

function redundantArray(
  set: ArraySet,
  members: readonly (ArrayMember | undefined)[],
  memberSize: number,
  name: string,
): BlockDevice {
  const { superblock, title } = set;
  const { level, chunkSize, layout, disks } = superblock;
  try {
    if (level === 1) return new MirrorArray(inReadingOrder(set, members), memberSize, { name });
    if (level === 10) return new Raid10Array(members, raid10Geometry(layout, disks, chunkSize, memberSize), { name });
    const [algorithm, parities] = parityOf(superblock, title);
    const parity = {
      layout: parityLayout(algorithm, disks, parities),
      parityUnsure: superblock.resynced !== undefined,
    };
    return new ParityArray(members, { ...parity, chunkSize, memberSize, name });
  } catch (error) {
    if (error instanceof UsageError) throw new CorruptImageError({ structure: title, reason: error.message }, error);
    if (isVmcraftError(error) && missingSlots(set).length > 0 && level === 10) throw tooFew(set);
    throw error;
  }
}

/** Those that are marked as slow come last. */
function inReadingOrder(set: ArraySet, members: readonly (ArrayMember | undefined)[]): (ArrayMember | undefined)[] {
  const isSlow = (i: number): boolean => set.slots[i]?.superblock.isWriteMostly === true;
  return [...members.filter((_, i) => !isSlow(i)), ...members.filter((_, i) => isSlow(i))];
}

async function plainArray(set: ArraySet, name: string): Promise<BlockDevice> {
  const { superblock, slots, title } = set;
  if (missingSlots(set).length > 0) throw tooFew(set);
  const { chunkSize, level, layout } = superblock;
  if (level === 0) requireChunk(set);
  if (chunkSize % SECTOR !== 0) throw new CorruptImageError({ structure: title, field: 'chunk', found: chunkSize });
  const parts = slots.map((device) => {
    const { dataOffset, dataSize } = device!.superblock;
    const size = chunkSize === 0 ? dataSize : alignDown(dataSize, chunkSize);
    return new SliceDevice(device!.device, dataOffset, size, { name: nameOf(device!) });
  });
  return level === 0 ? stripeZones(parts, { chunkSize, layout, title, name }) : new ConcatDevice(parts, { name });
}

function requireChunk({ superblock, title }: ArraySet): void {
  const { chunkSize } = superblock;
  if (chunkSize > 0 && chunkSize % SECTOR === 0 && chunkSize <= 2 ** 31) return;
  throw new CorruptImageError({ structure: title, field: 'chunk', reason: `${chunkSize} bytes` });
}

/** Parity that may be wrong gives back no data. */
function requireClean({ superblock, slots, title }: ArraySet, missing: number): void {
  const { level, resynced } = superblock;
  const isParity = level >= 4 && level <= 6;
  const isDegraded = missing > 0 || slots.some((device) => device?.superblock.rebuilt !== undefined);
  if (!isParity || !isDegraded || resynced === undefined) return;
  const feature = 'an array that was not shut down and is degraded, whose parity may not fit its data';
  const workaround = 'mdadm --assemble --force starts it, with what may be lost';
  throw new UnsupportedFeatureError({ structure: title, feature, workaround });
}

async function memberOf(set: ArraySet, slot: number, size: number): Promise<ArrayMember | undefined> {
  const original = set.slots[slot];
  const replacement = set.replacements.get(slot);
  if (original === undefined || replacement === undefined) {
    const only = original ?? replacement;
    return only === undefined ? undefined : oneMember(only, size);
  }
  const pair = [await oneMember(original, size), await oneMember(replacement, size)];
  return { device: new MirrorArray(pair, size, { name: `slot ${slot} and its replacement` }) };
}

async function oneMember(found: MdDevice, size: number): Promise<ArrayMember> {
  const { dataOffset, dataSize, rebuilt } = found.superblock;
  if (size > dataSize) {
    const reason = `${size} bytes belong to the array, ${nameOf(found)} has ${dataSize}`;
    throw new CorruptImageError({ structure: nameOf(found), field: 'size', reason });
  }
  const device = new SliceDevice(found.device, dataOffset, size, { name: nameOf(found) });
  const bad = await readBadBlocks(found);
  return { device, bad, ...(rebuilt === undefined || rebuilt >= size ? {} : { inSync: rebuilt }) };
}

/** Says which slots are missing, which are there, and what was left out. */
export function tooFew(set: ArraySet): MissingMemberError {
  const { superblock, slots, title, ignored } = set;
  const missing = missingSlots(set);
  const there = slots.flatMap((d, slot) => (d === undefined ? [] : [`slot ${slot} on ${nameOf(d)}`]));
  const left = ignored.map(({ device, reason }) => `; ${nameOf(device)} is left out: ${reason}`);
  const which = missing.length === 1 ? `slot ${missing[0]} is` : `slots ${missing.join(', ')} are`;
  const level = levelName(superblock.level);
  const reason = `${which} missing of the ${superblock.disks} of ${level}, which is too few; there: ${there.join(', ') || 'none'}${left.join('')}; add the disks that hold the missing ones`;
  return new MissingMemberError(title, reason);
}

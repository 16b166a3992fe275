import type { BlockDevice, WarningSink } from '@vmcraft/core/contracts';
import { isVmcraftError, messageOf, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { type ArraySet, nameOf } from './array-set.js';
import { Bitmap } from './bitmap.js';
import { buildArray, missingSlots } from './build-array.js';
import { DegradedArray, devicesOf } from './degraded-array.js';
import { type JournalPages, readJournal } from './journal.js';
import { JournaledArray } from './journaled-array.js';
import { FEATURE, KNOWN_FEATURES } from './layout.js';
import { levelName, parityOf, requireLevel } from './levels.js';
import type { Span } from './superblock.js';

/** An array that is up. */
export interface OpenedArray {
  readonly device: BlockDevice;
  /** Why it may not be written, where that is so. */
  readonly lock?: string;
}

/**
 * Bring an array up.
 * @throws UnsupportedFeatureError while a reshape is under way, for a journal that is not empty when a member is missing, and for features
 *   that are not known
 * @throws MissingMemberError when too few members are there; CorruptImageError
 */
export async function openArray(set: ArraySet, name: string, warn: WarningSink): Promise<OpenedArray> {
  const { superblock, title } = set;
  requireLevel(superblock, title);
  requireKnown(set);
  const journal = await readJournal(set);
  const device = await buildArray(set, name);
  const missing = missingSlots(set);
  if (journal?.isEmpty === false) return withJournal(set, device, journal, name);
  const hasPpl = (superblock.features & (FEATURE.ppl | FEATURE.multiplePpls)) !== 0;
  if (hasPpl && superblock.resynced !== undefined) {
    return { device, lock: `the partial parity log of ${name} must be replayed first: let Linux assemble it once` };
  }
  if (missing.length === 0) return { device };
  const slots = missing.length === 1 ? `slot ${missing[0]} is` : `slots ${missing.join(', ')} are`;
  const level = levelName(superblock.level);
  warn({ source: 'md', message: `${title} is degraded: ${slots} missing of the ${superblock.disks} of ${level}` });
  return openDegraded(set, device, warn);
}

/** Only Linux writes a journal back. Without a member, what lies on the others may not fit each other before that. */
function withJournal(set: ArraySet, inner: BlockDevice, journal: JournalPages, name: string): OpenedArray {
  if (missingSlots(set).length > 0) {
    throw new UnsupportedFeatureError({
      structure: set.title,
      feature: 'a write journal that is not empty, of an array that lacks a member',
      workaround: 'let Linux assemble it once, which writes the journal back',
    });
  }
  const lock = `the write journal of ${name} must be written back first: let Linux assemble it once`;
  return { device: new JournaledArray(inner, journal, lock), lock };
}

function requireKnown({ superblock, title }: ArraySet): void {
  const { features, reshaped } = superblock;
  const refuse = (feature: string, workaround?: string): never => {
    throw new UnsupportedFeatureError({
      structure: title,
      feature,
      ...(workaround === undefined ? {} : { workaround }),
    });
  };
  const finish = 'let mdadm finish it on Linux';
  if (reshaped !== undefined) refuse(`a reshape in progress, at sector ${reshaped}`, finish);
  if ((features & (FEATURE.newOffset | FEATURE.reshapeBackwards)) !== 0) refuse('a reshape in progress', finish);
  const unknown = features & ~KNOWN_FEATURES;
  if (unknown !== 0) refuse(`features 0x${(unknown >>> 0).toString(16)} that are not known`);
}

async function openDegraded(set: ArraySet, inner: BlockDevice, warn: WarningSink): Promise<OpenedArray> {
  const { superblock, title } = set;
  const holders = devicesOf(set).filter(({ superblock: s }) => s.bitmapOffset !== undefined && s.role !== 'journal');
  let bitmap: Bitmap | undefined;
  if (superblock.bitmapOffset !== undefined) {
    try {
      bitmap = await Bitmap.open(holders);
    } catch (error) {
      if (!isVmcraftError(error) || error.code === 'VMC_ABORTED') throw error;
      warn({ source: 'md', message: `${title}: ${messageOf(error)}`, cause: error });
      return { device: inner, lock: `its write-intent bitmap cannot be kept: ${messageOf(error)}` };
    }
  }
  const tooOld = devicesOf(set).find(({ device }) => !device.writable);
  if (tooOld !== undefined) return { device: inner, lock: `${nameOf(tooOld)} is read-only` };
  return { device: new DegradedArray(inner, { set, bitmap, spanOf: spanOf(set) }) };
}

/** The bitmap counts along each member; that of RAID 10 along the array. */
function spanOf({ superblock, title }: ArraySet): (offset: number, length: number) => Span {
  const { level, chunkSize, disks } = superblock;
  if (level === 1 || level === 10) return (offset, length) => ({ offset, length });
  const stripe = chunkSize * (disks - parityOf(superblock, title)[1]);
  return (offset, length) => {
    const first = Math.floor(offset / stripe);
    const last = Math.floor((offset + length - 1) / stripe);
    return { offset: first * chunkSize, length: (last - first + 1) * chunkSize };
  };
}

import { toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { SECTOR } from './layout.js';
import { ALL_SECTORS, RAID_MAGIC, RAID_RESHAPING, RAID_V190, RaidSuperblock } from './layout-raid.js';

/** What the superblocks of a dm-raid array say of its members. */
export interface RaidHealth {
  /** Bytes of each member that agree with the array; undefined: all. */
  readonly inSync: readonly (number | undefined)[];
  /** Redundancy is right everywhere. */
  readonly isSynced: boolean;
  /** Which member is behind, in words. */
  readonly problem: string | undefined;
}

/**
 * Read the superblocks in the `rmeta` volumes. Arrays that never were in use have none yet; their members count as equal.
 * @throws UnsupportedFeatureError when a reshape is under way
 */
export async function readRaidHealth(
  states: readonly (BlockDevice | undefined)[],
  names: readonly string[],
  structure: string,
): Promise<RaidHealth> {
  const superblocks = await Promise.all(states.map((device) => readSuperblock(device)));
  const present = superblocks.filter((s) => s !== undefined);
  if (present.length === 0) return { inSync: [], isSynced: states.length === 0, problem: undefined };
  const newest = present.reduce((a, b) => (b.events > a.events ? b : a));
  for (const s of present) {
    const isV190 = (s.compatFeatures & RAID_V190) !== 0;
    if (isV190 && ((s.flags & RAID_RESHAPING) !== 0 || s.deltaDisks !== 0 || s.dataOffset !== 0n)) {
      throw new UnsupportedFeatureError({ structure, feature: 'a reshape in progress, or the space that one left' });
    }
    if (s.disks !== names.length) {
      throw new CorruptImageError({ structure, field: 'num_devices', expected: names.length, found: s.disks });
    }
  }
  const problems: string[] = [];
  const inSync = superblocks.map((s, i) => {
    if (s === undefined) return undefined;
    const failed = ((newest.failedDevices >> BigInt(i)) & 1n) === 1n;
    // md lets a member be one event behind: it counts a clean shutdown.
    if (failed || s.events + 1n < newest.events) {
      problems.push(`${names[i]} ${failed ? 'has failed' : 'is older than the others'}`);
      return 0;
    }
    if (s.recoveryOffset === ALL_SECTORS) return undefined;
    problems.push(`${names[i]} is not rebuilt`);
    return toSafeInteger(s.recoveryOffset, 'dm_raid_superblock.disk_recovery_offset') * SECTOR;
  });
  const problem = problems.length === 0 ? undefined : problems.join(', ');
  return { inSync, isSynced: newest.resyncOffset === ALL_SECTORS, problem };
}

async function readSuperblock(device: BlockDevice | undefined) {
  if (device === undefined || device.size < RaidSuperblock.size) return undefined;
  const superblock = RaidSuperblock.decode(await device.read(0, RaidSuperblock.size));
  return superblock.magic === RAID_MAGIC ? superblock : undefined;
}

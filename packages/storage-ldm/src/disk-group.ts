import type { Member, WarningSink } from '@vmcraft/core/contracts';
import { CorruptImageError, isVmcraftError } from '@vmcraft/core/errors';
import { type Database, readDatabase } from './database.js';
import { type PrivateHeader, readPrivateHeader } from './private-header.js';
import type { PresentDisk } from './volume-builder.js';

/** A disk group: its newest database, and those of its disks that agree with it. */
export interface DiskGroup {
  readonly database: Database;
  /** By the identifiers of the disks. */
  readonly disks: ReadonlyMap<string, PresentDisk>;
}

/**
 * The disk group that members of one group identifier make. Disks that are damaged, or were away while the group changed, are told of
 * and left out.
 * @throws CorruptImageError when no disk has a whole database
 */
export async function readGroup(members: readonly Member[], warn: WarningSink): Promise<DiskGroup> {
  const found: { member: Member; header: PrivateHeader; database: Database }[] = [];
  let failure: unknown;
  for (const member of members) {
    const name = member.deviceName ?? member.uuid;
    try {
      const header = await readPrivateHeader(member.device);
      if (header === undefined) continue;
      if (header.isCopy)
        warn({ source: 'ldm', message: `${name}: its private header is damaged: a copy of it is used` });
      found.push({ member, header, database: await readDatabase(member.device, header) });
    } catch (error) {
      if (!isVmcraftError(error) || error.code === 'VMC_ABORTED') throw error;
      failure = error;
      warn({ source: 'ldm', message: `${name}: ${error.message}`, cause: error });
    }
  }
  const [database] = found.map((f) => f.database).sort((a, b) => (a.sequence < b.sequence ? 1 : -1));
  if (database === undefined) {
    throw new CorruptImageError({ structure: 'LDM disk group', reason: 'no disk has a whole database' }, failure);
  }
  const disks = new Map<string, PresentDisk>();
  for (const { member, header, database: own } of found) {
    const name = member.deviceName ?? member.uuid;
    if (own.sequence !== database.sequence) {
      warn({ source: 'ldm', message: `${name} was away while its disk group changed: it is not used` });
    } else if (disks.has(header.diskId)) {
      warn({ source: 'ldm', message: `${name} has the identifier of another disk: it is not used` });
    } else {
      disks.set(header.diskId, { member, header });
    }
  }
  return { database, disks };
}

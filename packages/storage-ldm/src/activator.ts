import { UnavailableDevice } from '@vmcraft/core/block';
import type { BlockDevice, Member, StorageActivator, Volume, WarningSink } from '@vmcraft/core/contracts';
import { CorruptImageError, isVmcraftError } from '@vmcraft/core/errors';
import { type Database, readDatabase } from './database.js';
import { type PrivateHeader, readPrivateHeader } from './private-header.js';
import { buildVolume, type PresentDisk, volumeKind } from './volume-builder.js';

/** Type of a dynamic disk as blkid names it. */
export const MEMBER_TYPE = 'LDM_member';

/** Finds disk groups of Windows and brings their volumes up. */
export const ldmActivator: StorageActivator = {
  name: 'storage-ldm',
  claimsPartitioned: true,

  async probe(device: BlockDevice): Promise<Member | undefined> {
    const header = await readPrivateHeader(device);
    if (header === undefined) return undefined;
    return { type: MEMBER_TYPE, groupId: header.groupId, uuid: header.diskId, device };
  },

  async activate(members, { warn }): Promise<readonly Volume[]> {
    const { database, disks } = await readGroup(members, warn);
    const unit = members[0]?.device.sectorSize ?? 512;
    return database.volumes.map((volume) => {
      const kind = volumeKind(
        volume,
        database.components.filter((c) => c.volumeId === volume.id),
      );
      const name = `/dev/mapper/ldm_vol_${safe(database.groupName)}_${safe(volume.name)}`;
      return {
        name,
        kind: `ldm-${kind}`,
        uuid: volume.uuid,
        device: open(volume.size * unit, name, warn, () => buildVolume(volume, database, disks, unit)),
      };
    });
  },
};

/** Names become those of devices. */
function safe(name: string): string {
  return name.replaceAll(/[^\w.+-]/g, '_');
}

/** The newest database, and the disks that agree with it. */
async function readGroup(
  members: readonly Member[],
  warn: WarningSink,
): Promise<{ database: Database; disks: ReadonlyMap<string, PresentDisk> }> {
  const found: { member: Member; header: PrivateHeader; database: Database }[] = [];
  let failure: unknown;
  for (const member of members) {
    try {
      const header = await readPrivateHeader(member.device);
      if (header === undefined) continue;
      found.push({ member, header, database: await readDatabase(member.device, header) });
    } catch (error) {
      if (!isVmcraftError(error) || error.code === 'VMC_ABORTED') throw error;
      failure = error;
      warn({ source: 'ldm', message: `${member.deviceName ?? member.uuid}: ${error.message}`, cause: error });
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
      disks.set(header.diskId, { device: member.device, header });
    }
  }
  return { database, disks };
}

/** A volume that cannot be brought up is there too, and fails with the reason when it is used. */
function open(size: number, name: string, warn: WarningSink, build: () => BlockDevice): BlockDevice {
  try {
    return build();
  } catch (error) {
    if (!isVmcraftError(error)) throw error;
    warn({ source: 'ldm', message: `${name} cannot be used: ${error.message}`, cause: error });
    return new UnavailableDevice(size, error);
  }
}

import { readOnly, UnavailableDevice } from '@vmcraft/core/block';
import type { BlockDevice, Member, StorageActivator, Volume, WarningSink } from '@vmcraft/core/contracts';
import { isVmcraftError } from '@vmcraft/core/errors';
import { type DiskGroup, readGroup } from './disk-group.js';
import { volumeFacts } from './group-facts.js';
import { readPrivateHeader } from './private-header.js';
import type { VolumeRecord } from './records.js';
import { buildVolume, sliceOf } from './volume-builder.js';

/** Type of a dynamic disk as blkid names it. */
export const MEMBER_TYPE = 'LDM_member';

/** Name of the activator, and of the provider. */
export const LDM_ACTIVATOR = 'storage-ldm';

/** What ldmtool's names of devices begin with: of volumes, and of partitions that a mirrored or RAID-5 volume is made from. */
export const NAME_OF = { volume: '/dev/mapper/ldm_vol_', partition: '/dev/mapper/ldm_part_' } as const;

/** Finds disk groups of Windows and brings their volumes up. */
export const ldmActivator: StorageActivator = {
  name: LDM_ACTIVATOR,
  claimsPartitioned: true,

  async probe(device: BlockDevice): Promise<Member | undefined> {
    const header = await readPrivateHeader(device);
    if (header === undefined) return undefined;
    return { type: MEMBER_TYPE, groupId: header.groupId, uuid: header.diskId, device };
  },

  async activate(members, { warn }): Promise<readonly Volume[]> {
    const group = await readGroup(members, warn);
    const unit = members[0]?.device.sectorSize ?? 512;
    return group.database.volumes.flatMap((volume) => {
      const pieces = piecesOf(group, volume, unit, warn);
      return [...pieces, wholeOf(group, volume, unit, warn)];
    });
  },
};

/** Names become those of devices. */
function deviceName(kind: keyof typeof NAME_OF, group: string, name: string): string {
  return NAME_OF[kind] + [group, name].map((part) => part.replaceAll(/[^\w.+-]/g, '_')).join('_');
}

function wholeOf(group: DiskGroup, volume: VolumeRecord, unit: number, warn: WarningSink): Volume {
  const { database, disks } = group;
  const { type, partitions } = volumeFacts(database, volume);
  const name = deviceName('volume', database.groupName, volume.name);
  return {
    name,
    kind: `ldm-${type}`,
    uuid: volume.uuid,
    ...membersOf(group, partitions),
    device: open(volume.size * unit, name, warn, () => buildVolume(volume, database, disks, unit)),
  };
}

/**
 * The copies of a mirror and the columns of a RAID-5, as ldmtool shows them. They are read-only: what is written to one alone would
 * make the volume disagree with itself.
 */
function piecesOf(group: DiskGroup, volume: VolumeRecord, unit: number, warn: WarningSink): Volume[] {
  const { database, disks } = group;
  const { type, partitions } = volumeFacts(database, volume);
  if (type !== 'mirrored' && type !== 'raid5') return [];
  return partitions.flatMap((partition) => {
    const disk = disks.get(database.disks.find((d) => d.id === partition.diskId)?.uuid ?? '');
    if (disk === undefined) return [];
    const name = deviceName('partition', database.groupName, partition.name);
    const build = (): BlockDevice => readOnly(sliceOf(disk, partition, unit), `it is a piece of ${volume.name}`);
    const device = open(partition.size * unit, name, warn, build);
    return [{ name, kind: 'ldm-partition', isPiece: true, ...membersOf(group, [partition]), device }];
  });
}

/** Those of the members on which partitions lie; all when none of their disks is there. */
function membersOf(
  { database, disks }: DiskGroup,
  partitions: readonly { readonly diskId: number }[],
): { readonly members?: readonly Member[] } {
  const ids = new Set(partitions.map((p) => database.disks.find((d) => d.id === p.diskId)?.uuid));
  const members = [...disks].flatMap(([id, { member }]) => (ids.has(id) ? [member] : []));
  return members.length === 0 ? {} : { members };
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

import { UnavailableDevice } from '@vmcraft/core/block';
import type { BlockDevice, Member, StorageActivator, Volume, WarningSink } from '@vmcraft/core/contracts';
import {
  CorruptImageError,
  isVmcraftError,
  messageOf,
  UnsupportedFeatureError,
  VmcraftError,
} from '@vmcraft/core/errors';
import { type FoundGroup, scanGroups } from './group-scan.js';
import { SECTOR } from './layout.js';
import { isLvm1, readPvLabel } from './physical-volume-label.js';
import { visibleVolumes } from './visible-volumes.js';
import { VolumeBuilder } from './volume-builder.js';
import type { LogicalVolume } from './volume-group.js';

/** All physical volumes come together: one without metadata of its own is only known through the others of its group. */
const GROUP_ID = 'lvm2';
const LVM1_GROUP_ID = 'lvm1';

/** Name of the activator, and of the provider. */
export const LVM_ACTIVATOR = 'storage-lvm';

/** Finds volume groups and brings their logical volumes up. */
export const lvmActivator: StorageActivator = {
  name: LVM_ACTIVATOR,

  async probe(device: BlockDevice): Promise<Member | undefined> {
    const label = await readPvLabel(device);
    if (label !== undefined) return { type: 'LVM2_member', groupId: GROUP_ID, uuid: label.uuid, device };
    if (!(await isLvm1(device))) return undefined;
    return { type: 'LVM1_member', groupId: LVM1_GROUP_ID, uuid: '', device };
  },

  async activate(members, { warn }): Promise<readonly Volume[]> {
    if (members.some((m) => m.type === 'LVM1_member')) {
      const names = members.map((m) => m.deviceName).join(', ');
      const workaround = 'convert it with vgconvert of lvm2 2.02';
      throw new UnsupportedFeatureError({ structure: names, feature: 'metadata of LVM1', workaround });
    }
    const { groups } = await scanGroups(members, warn);
    const volumes: Volume[] = [];
    for (const found of groups) volumes.push(...(await volumesOf(found, members, warn)));
    return volumes;
  },
};

/** The volumes of one group. Those that cannot be brought up are there too, and fail with the reason when they are used. */
async function volumesOf(found: FoundGroup, members: readonly Member[], warn: WarningSink): Promise<Volume[]> {
  const { group, namesakes, devices } = found;
  if (namesakes.length > 0) {
    const reason = `there are ${namesakes.length + 1} volume groups of this name, ${[group.uuid, ...namesakes].join(' and ')}: none is brought up; rename one by its UUID (vgrename)`;
    const error = new CorruptImageError({ structure: `volume group ${group.name} (${group.uuid})`, reason });
    warn({ source: 'lvm', message: error.message, cause: error });
    return [];
  }
  const own = members.filter((m) => [...devices.values()].some((pv) => pv.device === m.device));
  const builder = new VolumeBuilder(found, warn);
  const volumes: Volume[] = [];
  for (const lv of visibleOrNone(found, warn)) {
    const name = `/dev/${group.name}/${lv.name}`;
    volumes.push({ name, kind: 'lv', uuid: lv.uuid, device: await open(builder, lv, found, warn), members: own });
  }
  return volumes;
}

function visibleOrNone({ group }: FoundGroup, warn: WarningSink): readonly LogicalVolume[] {
  try {
    return visibleVolumes(group);
  } catch (error) {
    if (!isVmcraftError(error)) throw error;
    warn({ source: 'lvm', message: `volume group ${group.name}: ${messageOf(error)}`, cause: error });
    return [];
  }
}

async function open(
  builder: VolumeBuilder,
  lv: LogicalVolume,
  { group }: FoundGroup,
  warn: WarningSink,
): Promise<BlockDevice> {
  const size = lv.extents * group.extentSize * SECTOR;
  const name = `/dev/${group.name}/${lv.name}`;
  if (group.status.has('EXPORTED')) {
    const workaround = 'import it with vgimport';
    return new UnavailableDevice(size, new UnsupportedFeatureError({ feature: 'an exported group', workaround }));
  }
  try {
    return await builder.open(lv.name);
  } catch (error) {
    if (!(error instanceof VmcraftError) || error.code === 'VMC_ABORTED') throw error;
    warn({ source: 'lvm', message: `${name} cannot be used: ${error.message}`, cause: error });
    return new UnavailableDevice(size, error);
  }
}

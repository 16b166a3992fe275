import { FsError } from '@vmcraft/core/errors';
import { arg, Device, defineAction, PlainString, type Session, StringList } from '@vmcraft/core/guest';
import { findGroup, findVolume, ldmDevices, membersByGroup, readableGroups, showVolumes } from './shared.js';

const theme = 'ldm';
const group = 'ldm';
const diskgroup = arg('diskgroup', PlainString);
const volume = arg('volume', PlainString);

async function removeAll(g: Session): Promise<void> {
  const operation = 'ldmtool_remove_all';
  for (const { name } of ldmDevices(g)) {
    await g.exclusiveDevice(name, operation);
    const used = [name, ...g.storage.childrenOf(name).map((d) => d.name)].flatMap((n) => g.storage.childrenOf(n));
    const user = used.find((d) => d.kind === 'volume');
    if (user !== undefined) {
      throw new FsError('EBUSY', { operation, path: name, reason: `${user.name} is made from it` });
    }
  }
  await showVolumes(g, false);
}

const namesOf = (g: Session, pieces: boolean): string[] =>
  ldmDevices(g)
    .filter((d) => (d.isPiece === true) === pieces)
    .map((d) => d.name)
    .sort();

/** The theme `ldm` of the guestfs API: dynamic disks of Windows. */
export const ldmActions = [
  defineAction({
    name: 'list_ldm_volumes',
    theme,
    group,
    args: [],
    returns: 'RStringList',
    doc: 'Names of the volumes of Windows dynamic disks that are up: `/dev/mapper/ldm_vol_GROUP_VOLUME`.',
    run: (g) => namesOf(g, false),
  }),
  defineAction({
    name: 'list_ldm_partitions',
    theme,
    group,
    args: [],
    returns: 'RStringList',
    doc: 'Names of the partitions of Windows dynamic disks that mirrored and RAID-5 volumes are made from: `/dev/mapper/ldm_part_GROUP_PARTITION`. They are read-only; what lies on them is to be used through the volume.',
    run: (g) => namesOf(g, true),
  }),
  defineAction({
    name: 'ldmtool_create_all',
    theme,
    group,
    args: [],
    returns: 'void',
    doc: 'Bring all volumes of Windows dynamic disks up, as it is done when a guest is opened.',
    run: (g) => showVolumes(g, true),
  }),
  defineAction({
    name: 'ldmtool_remove_all',
    theme,
    group,
    args: [],
    returns: 'void',
    doc: 'Take all volumes of Windows dynamic disks down; none may be in use. The disks are not changed.',
    run: removeAll,
  }),
  defineAction({
    name: 'ldmtool_scan',
    theme,
    group,
    args: [],
    returns: 'RStringList',
    doc: 'GUIDs of the disk groups of Windows dynamic disks, for the other functions of this theme.',
    run: (g) => readableGroups(membersByGroup(g)),
  }),
  defineAction({
    name: 'ldmtool_scan_devices',
    theme,
    group,
    args: [arg('devices', StringList(Device))],
    returns: 'RStringList',
    doc: 'GUIDs of the disk groups that these devices belong to; of all devices when none is given.',
    run: (g, devices) => {
      const names = devices.map((device) => g.device(device, 'ldmtool_scan_devices').name);
      return readableGroups(membersByGroup(g, names.length === 0 ? undefined : new Set(names)));
    },
  }),
  defineAction({
    name: 'ldmtool_diskgroup_name',
    theme,
    group,
    args: [diskgroup],
    returns: 'RString',
    doc: 'The name of the disk group with this GUID.',
    run: async (g, guid) => (await findGroup(g, guid, 'ldmtool_diskgroup_name')).database.groupName,
  }),
  defineAction({
    name: 'ldmtool_diskgroup_volumes',
    theme,
    group,
    args: [diskgroup],
    returns: 'RStringList',
    doc: 'Names of the volumes of a disk group, those whose disks are missing too.',
    run: async (g, guid) => (await findGroup(g, guid, 'ldmtool_diskgroup_volumes')).database.volumes.map((v) => v.name),
  }),
  defineAction({
    name: 'ldmtool_diskgroup_disks',
    theme,
    group,
    args: [diskgroup],
    returns: 'RStringList',
    doc: 'Names that the disks of a disk group have there (`Disk1`), missing ones too.',
    run: async (g, guid) => (await findGroup(g, guid, 'ldmtool_diskgroup_disks')).database.disks.map((d) => d.name),
  }),
  defineAction({
    name: 'ldmtool_volume_type',
    theme,
    group,
    args: [diskgroup, volume],
    returns: 'RString',
    doc: 'The kind of a volume: `simple`, `spanned`, `striped`, `mirrored` or `raid5`.',
    run: async (g, guid, name) => (await findVolume(g, guid, name, 'ldmtool_volume_type')).type,
  }),
  defineAction({
    name: 'ldmtool_volume_hint',
    theme,
    group,
    args: [diskgroup, volume],
    returns: 'RString',
    doc: 'The hint of a volume, often the drive that Windows shows it as: `E:`; nothing when it has none.',
    run: async (g, guid, name) => (await findVolume(g, guid, name, 'ldmtool_volume_hint')).record.hint,
  }),
  defineAction({
    name: 'ldmtool_volume_partitions',
    theme,
    group,
    args: [diskgroup, volume],
    returns: 'RStringList',
    doc: 'Names that the partitions of a volume have in its disk group: `Disk1-01`.',
    run: async (g, guid, name) =>
      (await findVolume(g, guid, name, 'ldmtool_volume_partitions')).partitions.map((p) => p.name),
  }),
] as const;

import { encodeUtf8 } from '@vmcraft/core/binary';
import { FsError } from '@vmcraft/core/errors';
import { arg, Bool, Device, defineAction, PlainString, type Session, StringList } from '@vmcraft/core/guest';
import { createGroup, editGroup, removeGroup } from '../edit/edit-group.js';
import { backupText } from '../edit/write-metadata.js';
import type { FoundPv } from '../group-scan.js';
import { newUuid } from '../uuid.js';
import { visibleVolumes } from '../visible-volumes.js';
import { isValidName } from '../volume-group.js';
import { change, findGroup, findPv, refresh, scan, vacateGroup, viewOf } from './shared.js';

const theme = 'lvm';
const group = 'lvm2';

async function create(g: Session, name: string, devices: readonly string[]): Promise<void> {
  const { groups } = await scan(g);
  if (groups.some((found) => found.group.name === name)) {
    throw new FsError('EEXIST', { operation: 'vgcreate', path: name });
  }
  const pvs: FoundPv[] = [];
  for (const device of devices) {
    const pv = await findPv(g, device, 'vgcreate');
    if (pv.of !== undefined || pvs.some((p) => p.name === pv.name)) {
      const reason = pv.of === undefined ? 'it is given twice' : `it is in volume group ${pv.of.group.name}`;
      throw new FsError('EBUSY', { operation: 'vgcreate', path: pv.name, reason });
    }
    pvs.push(pv);
  }
  await createGroup(name, pvs);
  await refresh(g);
}

async function remove(g: Session, name: string, operation: string): Promise<void> {
  const found = await findGroup(g, name, operation);
  const volumes = await vacateGroup(g, found.group.name, operation);
  await removeGroup(found);
  viewOf(g).inactive.delete(found.group.name);
  await refresh(g, volumes);
}

async function changeUuid(g: Session, name: string, operation: string): Promise<void> {
  const found = await findGroup(g, name, operation);
  await change(g, found, operation, [], (section) => void section.set('id', newUuid()));
}

async function rename(g: Session, from: string, to: string): Promise<void> {
  const found = await findGroup(g, from, 'vgrename');
  if (!isValidName(to)) throw new FsError('EINVAL', { operation: 'vgrename', path: to, reason: 'not a valid name' });
  if ((await scan(g)).groups.some((other) => other.group.name === to)) {
    throw new FsError('EEXIST', { operation: 'vgrename', path: to });
  }
  const volumes = await vacateGroup(g, found.group.name, 'vgrename');
  await editGroup(found, 'vgrename', () => undefined, to);
  await refresh(g, volumes);
}

async function activate(g: Session, on: boolean, names: readonly string[], operation: string): Promise<void> {
  const { inactive } = viewOf(g);
  const wanted = names.length > 0 ? names : (await scan(g)).groups.map((found) => found.group.name);
  for (const name of wanted) {
    const found = await findGroup(g, name, operation);
    if (on) inactive.delete(found.group.name);
    else {
      await vacateGroup(g, found.group.name, operation);
      inactive.add(found.group.name);
    }
  }
  await refresh(g);
}

/** Actions on volume groups. */
export const volumeGroupActions = [
  defineAction({
    name: 'vgcreate',
    theme,
    group,
    args: [arg('volgroup', PlainString), arg('physvols', StringList(Device))],
    returns: 'void',
    doc: 'Make a volume group of physical volumes, with extents of 4 MiB.',
    run: create,
  }),
  defineAction({
    name: 'vgremove',
    theme,
    group,
    args: [arg('vgname', PlainString)],
    returns: 'void',
    doc: 'Remove a volume group with all of its logical volumes.',
    run: (g, name) => remove(g, name, 'vgremove'),
  }),
  defineAction({
    name: 'vgrename',
    theme,
    args: [arg('volgroup', PlainString), arg('newvolgroup', PlainString)],
    returns: 'void',
    doc: 'Give a volume group another name. A UUID says which is meant where several have one name.',
    run: rename,
  }),
  defineAction({
    name: 'vgchange_uuid',
    theme,
    group,
    args: [arg('vg', PlainString)],
    returns: 'void',
    doc: 'Give a volume group a new random UUID.',
    run: (g, name) => changeUuid(g, name, 'vgchange_uuid'),
  }),
  defineAction({
    name: 'vgchange_uuid_all',
    theme,
    group,
    args: [],
    returns: 'void',
    doc: 'Give every volume group a new random UUID.',
    run: async (g) => {
      for (const found of (await scan(g)).groups) await changeUuid(g, found.group.uuid, 'vgchange_uuid_all');
    },
  }),
  defineAction({
    name: 'vg_activate',
    theme,
    group,
    args: [arg('activate', Bool), arg('volgroups', StringList(PlainString))],
    returns: 'void',
    doc: 'Bring the logical volumes of groups up, or take them down; an empty list means all groups.',
    run: (g, on, names) => activate(g, on, names, 'vg_activate'),
  }),
  defineAction({
    name: 'vg_activate_all',
    theme,
    group,
    args: [arg('activate', Bool)],
    returns: 'void',
    doc: 'Bring the logical volumes of all groups up, or take them down.',
    run: (g, on) => activate(g, on, [], 'vg_activate_all'),
  }),
  defineAction({
    name: 'vgmeta',
    theme,
    group,
    args: [arg('vgname', PlainString)],
    returns: 'RBufferOut',
    doc: 'The metadata of a volume group as text, in the form of vgcfgbackup.',
    run: async (g, name) => {
      const { group: found } = await findGroup(g, name, 'vgmeta');
      return encodeUtf8(backupText(found.name, found.section));
    },
  }),
  defineAction({
    name: 'vguuid',
    theme,
    args: [arg('vgname', PlainString)],
    returns: 'RString',
    doc: 'The UUID of a volume group.',
    run: async (g, name) => (await findGroup(g, name, 'vguuid')).group.uuid,
  }),
  defineAction({
    name: 'vgpvuuids',
    theme,
    args: [arg('vgname', PlainString)],
    returns: 'RStringList',
    doc: 'UUIDs of the physical volumes of a group.',
    run: async (g, name) => [...(await findGroup(g, name, 'vgpvuuids')).group.pvs.values()].map((pv) => pv.uuid),
  }),
  defineAction({
    name: 'vglvuuids',
    theme,
    args: [arg('vgname', PlainString)],
    returns: 'RStringList',
    doc: 'UUIDs of the logical volumes of a group.',
    run: async (g, name) => visibleVolumes((await findGroup(g, name, 'vglvuuids')).group).map((lv) => lv.uuid),
  }),
] as const;

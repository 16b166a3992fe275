import { arg, Bool, Device, defineAction, type Session, StringList } from '@vmcraft/core/guest';
import { removeGroup } from '../edit/edit-group.js';
import { removePhysicalVolume } from '../edit/physical-volume.js';
import { refresh, scan, vacateGroup, viewOf } from './shared.js';

const theme = 'lvm';
const group = 'lvm2';

async function lookAgain(g: Session, activate: boolean): Promise<void> {
  if (activate) viewOf(g).inactive.clear();
  await refresh(g);
}

async function setFilter(g: Session, devices: readonly string[] | undefined, operation: string): Promise<void> {
  const names = devices?.map((device) => g.device(device, operation).name);
  const gone: string[] = [];
  for (const { group: vg } of (await scan(g)).groups) gone.push(...(await vacateGroup(g, vg.name, operation)));
  viewOf(g).only = names === undefined ? undefined : new Set(names);
  await refresh(g, gone);
}

async function removeAll(g: Session): Promise<void> {
  const { groups, pvs } = await scan(g);
  const gone: string[] = [];
  for (const found of groups) {
    gone.push(...(await vacateGroup(g, found.group.name, 'lvm_remove_all')));
    await removeGroup(found);
  }
  for (const pv of pvs) await removePhysicalVolume(pv.device, pv.label);
  viewOf(g).inactive.clear();
  await refresh(g, gone);
  for (const pv of pvs) await g.storage.rescan(pv.name);
}

/** Actions on what of LVM is looked at. */
export const scanningActions = [
  defineAction({
    name: 'lvm_scan',
    theme,
    args: [arg('activate', Bool)],
    returns: 'void',
    doc: 'Look for physical volumes, groups and logical volumes again, and bring all groups up when `activate` is true.',
    run: lookAgain,
  }),
  defineAction({
    name: 'vgscan',
    theme,
    deprecatedBy: 'lvm_scan',
    args: [],
    returns: 'void',
    doc: 'Look for physical volumes, groups and logical volumes again.',
    run: (g) => lookAgain(g, false),
  }),
  defineAction({
    name: 'lvm_set_filter',
    theme,
    group,
    args: [arg('devices', StringList(Device))],
    returns: 'void',
    doc: 'Let LVM see only these devices; a disk stands for its partitions too. No volume of LVM may be mounted.',
    run: (g, devices) => setFilter(g, devices, 'lvm_set_filter'),
  }),
  defineAction({
    name: 'lvm_clear_filter',
    theme,
    args: [],
    returns: 'void',
    doc: 'Let LVM see all devices.',
    run: (g) => setFilter(g, undefined, 'lvm_clear_filter'),
  }),
  defineAction({
    name: 'lvm_remove_all',
    theme,
    group,
    args: [],
    returns: 'void',
    doc: 'Remove all logical volumes, volume groups and physical volumes.',
    run: removeAll,
  }),
] as const;

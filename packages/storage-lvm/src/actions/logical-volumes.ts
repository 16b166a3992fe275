import { writeZeroes } from '@vmcraft/core/block';
import { FsError, UsageError } from '@vmcraft/core/errors';
import {
  arg,
  Device,
  defineAction,
  Int,
  Mountable,
  PlainString,
  parseMountable,
  type Session,
} from '@vmcraft/core/guest';
import { wipeSignatures } from '@vmcraft/core/storage';
import { LVM_ACTIVATOR } from '../activator.js';
import { addLinearVolume, copyOf, removeVolume, renameVolume, resizeVolume } from '../edit/edit-volumes.js';
import { countFree } from '../edit/free-extents.js';
import type { VolumeGroup } from '../volume-group.js';
import { change, findGroup, findVolume, vacate } from './shared.js';

const theme = 'lvm';
const group = 'lvm2';
/** 1 MiB in sectors. */
const MEBIBYTE = 2048;
/** Bytes that lvcreate clears at the start of a new volume. */
const CLEARED = 4096;

const extentsFor = (vg: VolumeGroup, mbytes: number): number => Math.ceil((mbytes * MEBIBYTE) / vg.extentSize);

/** A share of the free extents. */
function shareOf(vg: VolumeGroup, percent: number, operation: string): number {
  if (percent < 1 || percent > 100) throw new UsageError('percent must be from 1 to 100', { action: operation });
  return Math.floor((countFree(vg) * percent) / 100);
}

async function create(
  g: Session,
  name: string,
  vgName: string,
  operation: string,
  extentsOf: (vg: VolumeGroup) => number,
): Promise<void> {
  const found = await findGroup(g, vgName, operation);
  await change(g, found, operation, [], (section, vg) => addLinearVolume(vg, section, name, extentsOf(vg)));
  const device = g.storage.find(`/dev/${found.group.name}/${name}`);
  if (device === undefined) return;
  await wipeSignatures(device.device);
  await writeZeroes(device.device, 0, Math.min(CLEARED, device.device.size));
  await g.storage.rescan(device.name);
}

async function resize(
  g: Session,
  device: string,
  operation: string,
  extentsOf: (vg: VolumeGroup, now: number) => number,
): Promise<void> {
  const { found, lv, name } = await findVolume(g, device, operation);
  await vacate(g, name, operation);
  const wanted = extentsOf(found.group, lv.extents);
  await change(g, found, operation, [name], (section, vg) => resizeVolume(vg, section, lv.name, wanted));
}

async function rename(g: Session, from: string, to: string): Promise<void> {
  const { found, lv, name } = await findVolume(g, from.startsWith('/dev/') ? from : `/dev/${from}`, 'lvrename');
  const parts = to.replace(/^\/dev\//, '').split('/');
  if (parts.length > 2 || (parts.length === 2 && parts[0] !== found.group.name)) {
    throw new UsageError('a volume stays in its group', { action: 'lvrename', argument: 'newlogvol' });
  }
  await vacate(g, name, 'lvrename');
  await change(g, found, 'lvrename', [name], (section, vg) => renameVolume(vg, section, lv.name, parts.at(-1)!));
}

async function remove(g: Session, device: string): Promise<void> {
  // A group's name stands for all of its volumes, as for lvremove.
  const asGroup = /^\/dev\/([^/]+)$/.exec(device)?.[1];
  if (asGroup !== undefined && g.storage.find(device) === undefined) {
    const { group: vg } = await findGroup(g, asGroup, 'lvremove');
    for (const lv of vg.lvs.values()) {
      const still = (await findGroup(g, asGroup, 'lvremove')).group.lvs.get(lv.name);
      if (still?.status.has('VISIBLE') === true && still.segments[0]?.type !== 'snapshot') {
        await removeOne(g, `/dev/${asGroup}/${lv.name}`);
      }
    }
    return;
  }
  await removeOne(g, device);
}

async function removeOne(g: Session, device: string): Promise<void> {
  const { found, lv, name } = await findVolume(g, device, 'lvremove');
  await vacate(g, name, 'lvremove');
  const gone = removeVolume(found.group, copyOf(found.group.section), lv.name);
  for (const other of gone) await vacate(g, `/dev/${found.group.name}/${other}`, 'lvremove');
  const names = gone.map((volume) => `/dev/${found.group.name}/${volume}`);
  await change(g, found, 'lvremove', [name, ...names], (section, vg) => removeVolume(vg, section, lv.name));
}

/** Actions on logical volumes. */
export const logicalVolumeActions = [
  defineAction({
    name: 'lvcreate',
    theme,
    group,
    args: [arg('logvol', PlainString), arg('volgroup', PlainString), arg('mbytes', Int)],
    returns: 'void',
    doc: 'Make a linear logical volume of a size in MiB, rounded up to whole extents.',
    run: (g, name, vg, mbytes) => create(g, name, vg, 'lvcreate', (found) => extentsFor(found, mbytes)),
  }),
  defineAction({
    name: 'lvcreate_free',
    theme,
    group,
    args: [arg('logvol', PlainString), arg('volgroup', PlainString), arg('percent', Int)],
    returns: 'void',
    doc: 'Make a linear logical volume of a percentage of the free space of its group.',
    run: (g, name, vg, percent) =>
      create(g, name, vg, 'lvcreate_free', (found) => shareOf(found, percent, 'lvcreate_free')),
  }),
  defineAction({
    name: 'lvresize',
    theme,
    group,
    args: [arg('device', Device), arg('mbytes', Int)],
    returns: 'void',
    doc: 'Give a linear or striped logical volume a size in MiB. What lies behind the new end is lost. File systems on it stay as they are.',
    run: (g, device, mbytes) => resize(g, device, 'lvresize', (vg) => extentsFor(vg, mbytes)),
  }),
  defineAction({
    name: 'lvresize_free',
    theme,
    group,
    args: [arg('lv', Device), arg('percent', Int)],
    returns: 'void',
    doc: 'Make a logical volume larger by a percentage of the free space of its group.',
    run: (g, lv, percent) => resize(g, lv, 'lvresize_free', (vg, now) => now + shareOf(vg, percent, 'lvresize_free')),
  }),
  defineAction({
    name: 'lvrename',
    theme,
    args: [arg('logvol', PlainString), arg('newlogvol', PlainString)],
    returns: 'void',
    doc: 'Give a logical volume another name: both are `VG/LV` or `/dev/VG/LV`.',
    run: rename,
  }),
  defineAction({
    name: 'lvremove',
    theme,
    group,
    args: [arg('device', Device)],
    returns: 'void',
    doc: 'Remove a logical volume, with its old-style snapshots. The name of a group stands for all of its volumes.',
    run: remove,
  }),
  defineAction({
    name: 'lvuuid',
    theme,
    args: [arg('device', Device)],
    returns: 'RString',
    doc: 'The UUID of a logical volume.',
    run: async (g, device) => (await findVolume(g, device, 'lvuuid')).lv.uuid,
  }),
  defineAction({
    name: 'is_lv',
    theme,
    args: [arg('mountable', Mountable)],
    returns: 'RBool',
    doc: 'Whether a device is a logical volume.',
    run: (g, mountable) => g.device(parseMountable(mountable).device, 'is_lv').activator === LVM_ACTIVATOR,
  }),
  defineAction({
    name: 'lvm_canonical_lv_name',
    theme,
    args: [arg('lvname', PlainString)],
    returns: 'RString',
    doc: 'The usual name, `/dev/VG/LV`, of a logical volume given as `/dev/mapper/VG-LV` or otherwise.',
    run: (g, name) => {
      const found = g.device(name, 'lvm_canonical_lv_name');
      if (found.activator === LVM_ACTIVATOR) return found.name;
      const reason = 'it is not a logical volume';
      throw new FsError('EINVAL', { operation: 'lvm_canonical_lv_name', path: name, reason });
    },
  }),
] as const;

import { FsError, UsageError } from '@vmcraft/core/errors';
import { arg, changeDevice, Device, defineAction, Int64, type Session } from '@vmcraft/core/guest';
import type { ConfigSection } from '../config-text.js';
import { editGroup, requireWhole } from '../edit/edit-group.js';
import { copyOf } from '../edit/edit-volumes.js';
import { usedExtents } from '../edit/free-extents.js';
import { createPhysicalVolume, extentsThatFit, removePhysicalVolume, writePvLabel } from '../edit/physical-volume.js';
import type { FoundGroup, FoundPv } from '../group-scan.js';
import { SECTOR } from '../layout.js';
import { newUuid } from '../uuid.js';
import { findPv, refresh, scan, vacateGroup } from './shared.js';

const theme = 'lvm';
const group = 'lvm2';

/** The section of a physical volume within a copy of its group's. */
function memberIn(section: ConfigSection, found: FoundGroup, uuid: string): ConfigSection {
  const key = [...found.group.pvs.values()].find((pv) => pv.uuid === uuid)!.key;
  const volumes = copyOf(section.get('physical_volumes') as ConfigSection);
  section.set('physical_volumes', volumes);
  return volumes.get(key) as ConfigSection;
}

async function resize(g: Session, device: string, operation: string, wanted: number | undefined): Promise<void> {
  const pv = await findPv(g, device, operation);
  const size = wanted ?? pv.device.size;
  if (size < 1024 * 1024 || size > pv.device.size) {
    throw new UsageError(`${size} bytes: ${pv.name} has ${pv.device.size}`, { action: operation });
  }
  if (pv.of !== undefined) await resizeMember(pv, pv.of, size, operation);
  await writePvLabel(pv.device, { ...pv.label, deviceSize: size });
  await refresh(g);
}

function resizeMember(pv: FoundPv, of: FoundGroup, size: number, operation: string): Promise<void> {
  const member = [...of.group.pvs.values()].find((p) => p.uuid === pv.label.uuid)!;
  const extents = extentsThatFit(pv.label, size, member.start, of.group.extentSize);
  const last = usedExtents(of.group).get(member.key)?.at(-1);
  if (extents === 0 || (last !== undefined && last.start + last.count > extents)) {
    const reason = 'extents behind the new end are in use';
    throw new FsError('EBUSY', { operation, path: pv.name, reason });
  }
  return editGroup(of, operation, (section) => {
    memberIn(section, of, pv.label.uuid)
      .set('dev_size', Math.floor(size / SECTOR))
      .set('pe_count', extents);
  });
}

async function changeUuid(g: Session, device: string, operation: string): Promise<void> {
  const { of, ...pv } = await findPv(g, device, operation);
  const uuid = newUuid();
  if (of !== undefined) {
    requireWhole(of);
    await vacateGroup(g, of.group.name, operation);
    await editGroup(of, operation, (section) => void memberIn(section, of, pv.label.uuid).set('id', uuid));
  }
  await writePvLabel(pv.device, { ...pv.label, uuid });
  await g.storage.rescan(pv.name);
}

/** Actions on physical volumes. */
export const physicalVolumeActions = [
  defineAction({
    name: 'pvcreate',
    theme,
    group,
    args: [arg('device', Device)],
    returns: 'void',
    doc: 'Make a device a physical volume of LVM. What was on it is lost.',
    run: (g, device) => {
      const { name } = g.device(device, 'pvcreate');
      return changeDevice(g, name, 'pvcreate', async (bytes) => {
        const { pvs, orphans } = await scan(g);
        const isUsed = pvs.some((p) => p.name === name) && !orphans.some((p) => p.name === name);
        if (isUsed)
          throw new FsError('EBUSY', { operation: 'pvcreate', path: name, reason: 'it is in a volume group' });
        await createPhysicalVolume(bytes);
      });
    },
  }),
  defineAction({
    name: 'pvremove',
    theme,
    group,
    args: [arg('device', Device)],
    returns: 'void',
    doc: 'Make a device that is in no volume group no physical volume any more.',
    run: async (g, device) => {
      const pv = await findPv(g, device, 'pvremove');
      if (pv.of !== undefined) {
        const reason = `it belongs to volume group ${pv.of.group.name}`;
        throw new FsError('EBUSY', { operation: 'pvremove', path: pv.name, reason });
      }
      await changeDevice(g, pv.name, 'pvremove', (bytes) => removePhysicalVolume(bytes, pv.label));
    },
  }),
  defineAction({
    name: 'pvresize',
    theme,
    group,
    args: [arg('device', Device)],
    returns: 'void',
    doc: 'Let a physical volume be as large as its device is now.',
    run: (g, device) => resize(g, device, 'pvresize', undefined),
  }),
  defineAction({
    name: 'pvresize_size',
    theme,
    group,
    args: [arg('device', Device), arg('size', Int64)],
    returns: 'void',
    doc: 'Let a physical volume have a size in bytes. Extents that are in use must stay within it.',
    run: (g, device, size) => resize(g, device, 'pvresize_size', size),
  }),
  defineAction({
    name: 'pvchange_uuid',
    theme,
    group,
    args: [arg('device', Device)],
    returns: 'void',
    doc: 'Give a physical volume a new random UUID.',
    run: (g, device) => changeUuid(g, device, 'pvchange_uuid'),
  }),
  defineAction({
    name: 'pvchange_uuid_all',
    theme,
    group,
    args: [],
    returns: 'void',
    doc: 'Give every physical volume a new random UUID.',
    run: async (g) => {
      for (const { name } of (await scan(g)).pvs) await changeUuid(g, name, 'pvchange_uuid_all');
    },
  }),
  defineAction({
    name: 'pvuuid',
    theme,
    args: [arg('device', Device)],
    returns: 'RString',
    doc: 'The UUID of a physical volume.',
    run: async (g, device) => (await findPv(g, device, 'pvuuid')).label.uuid,
  }),
] as const;

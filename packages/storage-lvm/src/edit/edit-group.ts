import type { BlockDevice } from '@vmcraft/core/contracts';
import { CapabilityError, CorruptImageError, FsError, UsageError } from '@vmcraft/core/errors';
import type { ConfigSection, ConfigValue } from '../config-text.js';
import { type FoundGroup, type FoundPv, scanGroups } from '../group-scan.js';
import { EXTENSION_USED, EXTENSION_VERSION, SECTOR } from '../layout.js';
import { newUuid } from '../uuid.js';
import { groupOf, isValidName, parseVolumeGroup, type VolumeGroup } from '../volume-group.js';
import { copyOf } from './edit-volumes.js';
import { extentsThatFit, firstExtentSector, writePvLabel } from './physical-volume.js';
import { metadataText, usableAreas, writeMetadataHeader, writeMetadataText } from './write-metadata.js';

/** Sectors of an extent unless told (lvm.conf `physical_extent_size`): 4 MiB. */
const EXTENT_SIZE = 8192;

/** A change of a group's section; returns what the caller wants to know. */
export type GroupEdit<T> = (section: ConfigSection, group: VolumeGroup) => T;

/**
 * Change a group and write it to all of its physical volumes.
 * @param name another name for the group
 * @throws CorruptImageError when a physical volume is missing or the group's name is not its own
 * @throws CapabilityError when one is read-only
 */
export async function editGroup<T>(
  found: FoundGroup,
  operation: string,
  edit: GroupEdit<T>,
  name?: string,
): Promise<T> {
  requireWhole(found);
  const { group } = found;
  const section = copyOf(group.section);
  const result = edit(section, group);
  section.set('seqno', group.seqno + 1);
  await storeGroup([...found.devices.values()], name ?? group.name, section, operation);
  return result;
}

/** @throws CorruptImageError, CapabilityError */
export function requireWhole({ group, problems, devices, namesakes }: FoundGroup): void {
  const [problem] = problems.values();
  if (problem !== undefined) throw new CorruptImageError({ structure: `volume group ${group.name}`, reason: problem });
  if (group.status.has('EXPORTED')) throw new UsageError(`volume group ${group.name} is exported; import it first`);
  if (!group.status.has('WRITE')) throw CapabilityError.readOnly(`volume group ${group.name}`);
  for (const { device, name } of devices.values()) if (!device.writable) throw CapabilityError.readOnly(name);
  if (namesakes.length > 0 && namesakes.includes(group.uuid)) throw new UsageError(`two groups are ${group.uuid}`);
}

async function storeGroup(
  pvs: readonly FoundPv[],
  name: string,
  section: ConfigSection,
  operation: string,
): Promise<void> {
  const text = metadataText(name, section, `Write from ${operation}.`);
  // What cannot be read again must not be written.
  parseVolumeGroup(text);
  let copies = 0;
  for (const { device, label } of pvs) {
    for (const area of await usableAreas(device, label.metadataAreas)) {
      await writeMetadataText(device, area, text);
      copies++;
    }
  }
  if (copies === 0) throw new UsageError(`no physical volume of ${name} has a metadata area in use`);
}

/** Make a group of physical volumes that are in none. @throws UsageError, FsError EBUSY */
export async function createGroup(name: string, pvs: readonly FoundPv[]): Promise<void> {
  if (!isValidName(name)) throw new UsageError(`'${name}' cannot be the name of a volume group`);
  if (pvs.length === 0) throw new UsageError('a volume group needs at least one physical volume');
  const volumes: ConfigSection = new Map();
  for (const [i, pv] of pvs.entries()) volumes.set(`pv${i}`, memberSection(pv, EXTENT_SIZE));
  const section: ConfigSection = new Map<string, ConfigValue>([
    ['id', newUuid()],
    ['seqno', 1],
    ['format', 'lvm2'],
    ['status', ['RESIZEABLE', 'READ', 'WRITE']],
    ['flags', []],
    ['extent_size', EXTENT_SIZE],
    ['max_lv', 0],
    ['max_pv', 0],
    ['metadata_copies', 0],
    ['physical_volumes', volumes],
  ]);
  groupOf(name, section);
  await storeGroup(pvs, name, section, 'vgcreate');
  for (const pv of pvs) await markUsed(pv, true);
}

function memberSection({ device, label, name }: FoundPv, extentSize: number): ConfigSection {
  if (!device.writable) throw CapabilityError.readOnly(name);
  const start = firstExtentSector(label);
  const extents = extentsThatFit(label, device.size, start, extentSize);
  if (extents === 0) throw new FsError('ENOSPC', { operation: 'vgcreate', path: name, reason: 'no extent fits' });
  return new Map<string, ConfigValue>([
    ['id', label.uuid],
    ['device', name],
    ['status', ['ALLOCATABLE']],
    ['flags', []],
    ['dev_size', Math.floor(device.size / SECTOR)],
    ['pe_start', start],
    ['pe_count', extents],
  ]);
}

async function markUsed({ device, label }: FoundPv, isUsed: boolean): Promise<void> {
  if (label.extensionVersion < EXTENSION_VERSION) return;
  const flags = isUsed ? label.extensionFlags | EXTENSION_USED : label.extensionFlags & ~EXTENSION_USED;
  await writePvLabel(device, { ...label, extensionFlags: flags });
}

/** Dissolve a group: its physical volumes are in none afterwards. */
export async function removeGroup(found: FoundGroup): Promise<void> {
  requireWhole(found);
  for (const pv of found.devices.values()) {
    for (const area of await usableAreas(pv.device, pv.label.metadataAreas)) await writeMetadataHeader(pv.device, area);
    await markUsed(pv, false);
  }
}

/** Physical volumes and groups of some devices, without words about what is wrong with others. */
export function look(inputs: readonly { readonly device: BlockDevice; readonly deviceName: string }[]) {
  return scanGroups(inputs, () => undefined);
}

import type { Member } from '@vmcraft/core/contracts';
import { FsError, isVmcraftError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import type { DiscoveredDevice } from '@vmcraft/core/storage';
import { LDM_ACTIVATOR } from '../activator.js';
import { type DiskGroup, readGroup } from '../disk-group.js';
import { type VolumeFacts, volumeFacts } from '../group-facts.js';
import type { VolumeRecord } from '../records.js';

/** Sessions whose volumes were removed. */
const removed = new WeakSet<Session>();
const quiet = (): void => undefined;

/** Show the volumes of all groups, or none of them. */
export async function showVolumes(g: Session, shown: boolean): Promise<void> {
  if (shown) removed.delete(g);
  else removed.add(g);
  g.opened.inspection = undefined;
  await g.storage.refresh(LDM_ACTIVATOR, { volume: () => !removed.has(g) });
}

/** Volumes, and pieces of volumes, that are up. */
export function ldmDevices(g: Session): readonly DiscoveredDevice[] {
  return g.storage.devices.filter((d) => d.kind === 'volume' && d.activator === LDM_ACTIVATOR);
}

/** Disks of each group, by its GUID. @param only names of devices that are looked at; all when undefined */
export function membersByGroup(g: Session, only?: ReadonlySet<string>): ReadonlyMap<string, readonly Member[]> {
  const groups = new Map<string, Member[]>();
  for (const { name, device, claimedBy, member } of g.storage.devices) {
    if (claimedBy !== LDM_ACTIVATOR || member === undefined || only?.has(name) === false) continue;
    groups.set(member.groupId, [...(groups.get(member.groupId) ?? []), { ...member, device }]);
  }
  return groups;
}

/** GUIDs of groups whose database can be read. */
export async function readableGroups(groups: ReadonlyMap<string, readonly Member[]>): Promise<string[]> {
  const found: string[] = [];
  for (const [guid, members] of groups) {
    try {
      await readGroup(members, quiet);
      found.push(guid);
    } catch (error) {
      if (!isVmcraftError(error) || error.code === 'VMC_ABORTED') throw error;
    }
  }
  return found;
}

/** A disk group by its GUID. @throws FsError ENOENT, CorruptImageError */
export async function findGroup(g: Session, guid: string, operation: string): Promise<DiskGroup> {
  const members = membersByGroup(g).get(guid.toLowerCase());
  if (members === undefined) throw new FsError('ENOENT', { operation, path: guid, reason: 'no such disk group' });
  return readGroup(members, quiet);
}

/** A volume by its name within a group. @throws FsError ENOENT, CorruptImageError */
export async function findVolume(
  g: Session,
  guid: string,
  name: string,
  operation: string,
): Promise<VolumeFacts & { readonly record: VolumeRecord }> {
  const { database } = await findGroup(g, guid, operation);
  const record = database.volumes.find((v) => v.name === name);
  if (record === undefined) {
    throw new FsError('ENOENT', { operation, path: name, reason: `no volume of disk group ${database.groupName}` });
  }
  return { record, ...volumeFacts(database, record) };
}

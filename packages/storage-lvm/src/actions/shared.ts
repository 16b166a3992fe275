import { FsError, UsageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import type { DiscoveredDevice } from '@vmcraft/core/storage';
import { LVM_ACTIVATOR } from '../activator.js';
import { editGroup, type GroupEdit, look } from '../edit/edit-group.js';
import type { FoundGroup, FoundPv, GroupScan } from '../group-scan.js';
import type { LogicalVolume } from '../volume-group.js';

/** What a session may see of LVM: set by `lvm_set_filter` and `vg_activate`. */
interface View {
  /** Names of the only devices that are looked at; all when undefined. */
  only: ReadonlySet<string> | undefined;
  /** Names of groups that are not brought up. */
  readonly inactive: Set<string>;
}

const views = new WeakMap<Session, View>();

/** The view of a session. */
export function viewOf(g: Session): View {
  let view = views.get(g);
  if (view === undefined) {
    view = { only: undefined, inactive: new Set() };
    views.set(g, view);
  }
  return view;
}

const groupNameOf = (volume: string): string => volume.split('/')[2] ?? '';

/** Let the tree show what there is now; `changed` names volumes that are made anew. */
export async function refresh(g: Session, changed: readonly string[] = []): Promise<void> {
  const { only, inactive } = viewOf(g);
  g.opened.inspection = undefined;
  const filter = {
    member: (d: DiscoveredDevice) => isInFilter(only, d),
    volume: ({ name }: { readonly name: string }) => !inactive.has(groupNameOf(name)),
  };
  await g.storage.refresh(LVM_ACTIVATOR, filter, changed);
}

/** A filter names devices; partitions and volumes of a disk that is named are in it. */
function isInFilter(only: ReadonlySet<string> | undefined, { name, parents }: DiscoveredDevice): boolean {
  return only === undefined || only.has(name) || parents.some((parent) => only.has(parent));
}

/** Physical volumes that may be seen. */
export function membersOf(g: Session): readonly DiscoveredDevice[] {
  const { only } = viewOf(g);
  return g.storage.devices.filter(
    (d) => d.claimedBy === LVM_ACTIVATOR && d.member?.type === 'LVM2_member' && isInFilter(only, d),
  );
}

/** Everything LVM that may be seen, groups in the order of their names, physical volumes in that of theirs. */
export async function scan(g: Session): Promise<GroupScan> {
  const { pvs, groups, orphans } = await look(membersOf(g).map((d) => ({ device: d.device, deviceName: d.name })));
  const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);
  return {
    pvs: [...pvs].sort(byName),
    groups: [...groups].sort((a, b) => byName(a.group, b.group)),
    orphans: [...orphans].sort(byName),
  };
}

/** A group by its name or UUID. @throws FsError ENOENT; UsageError when several have the name */
export async function findGroup(g: Session, name: string, operation: string): Promise<FoundGroup> {
  const { groups } = await scan(g);
  const found = groups.filter(({ group }) => group.name === name || group.uuid === name);
  if (found.length > 1) {
    const uuids = found.map(({ group }) => group.uuid).join(' and ');
    throw new UsageError(`there are several volume groups '${name}': ${uuids}; use a UUID`, { action: operation });
  }
  if (found.length === 1) return found[0]!;
  throw new FsError('ENOENT', { operation, path: name, reason: 'no such volume group' });
}

/** A logical volume by any of its names. @throws FsError EINVAL when it is none, ENOENT */
export async function findVolume(
  g: Session,
  device: string,
  operation: string,
): Promise<{ readonly found: FoundGroup; readonly lv: LogicalVolume; readonly name: string }> {
  const name = canonicalVolume(g, device);
  const [, , groupName, lvName, ...more] = name?.split('/') ?? [];
  if (name === undefined || groupName === undefined || lvName === undefined || more.length > 0) {
    throw new FsError('EINVAL', { operation, path: device, reason: 'it is not a logical volume' });
  }
  const found = await findGroup(g, groupName, operation);
  const lv = found.group.lvs.get(lvName);
  if (lv === undefined) throw new FsError('ENOENT', { operation, path: device, reason: 'no such logical volume' });
  return { found, lv, name };
}

/** `/dev/VG/LV` for any name of a volume, whether it is up or not. */
function canonicalVolume(g: Session, device: string): string | undefined {
  const known = g.storage.find(device);
  if (known !== undefined) return known.activator === LVM_ACTIVATOR ? known.name : undefined;
  const mapper = /^\/dev\/mapper\/(.+)$/.exec(device)?.[1];
  if (mapper === undefined) return device;
  const [group, volume, ...more] = mapper.split(/(?<!-)-(?!-)/).map((part) => part.replaceAll('--', '-'));
  return volume === undefined || more.length > 0 ? undefined : `/dev/${group}/${volume}`;
}

/** A physical volume by the name of its device. @throws FsError ENOENT, EINVAL when it is none */
export async function findPv(
  g: Session,
  device: string,
  operation: string,
): Promise<FoundPv & { readonly of: FoundGroup | undefined }> {
  const { name } = g.device(device, operation);
  const { pvs, groups } = await scan(g);
  const pv = pvs.find((p) => p.name === name);
  if (pv === undefined) throw new FsError('EINVAL', { operation, path: name, reason: 'it is not a physical volume' });
  const of = groups.find(({ group }) => [...group.pvs.values()].some((p) => p.uuid === pv.label.uuid));
  return { ...pv, of };
}

/** Make sure that nothing uses a volume. @throws FsError EBUSY */
export async function vacate(g: Session, name: string, operation: string): Promise<void> {
  const device = g.storage.find(name);
  if (device === undefined) return;
  await g.exclusiveDevice(device.name, operation);
  for (const child of g.storage.childrenOf(device.name)) {
    if (child.kind === 'volume') {
      throw new FsError('EBUSY', { operation, path: device.name, reason: `${child.name} is made from it` });
    }
    await vacate(g, child.name, operation);
  }
}

/** Names of a group's volumes that are up. */
export function activeVolumes(g: Session, group: string): string[] {
  return g.storage.devices
    .filter((d) => d.kind === 'volume' && d.activator === LVM_ACTIVATOR && groupNameOf(d.name) === group)
    .map((d) => d.name);
}

/** Make sure that nothing uses the volumes of a group. @throws FsError EBUSY */
export async function vacateGroup(g: Session, group: string, operation: string): Promise<string[]> {
  const names = activeVolumes(g, group);
  for (const name of names) await vacate(g, name, operation);
  return names;
}

/** Change a group's metadata and show the outcome. `changed` names volumes that are made anew. */
export async function change<T>(
  g: Session,
  found: FoundGroup,
  operation: string,
  changed: readonly string[],
  edit: GroupEdit<T>,
  name?: string,
): Promise<T> {
  const result = await editGroup(found, operation, edit, name);
  await refresh(g, changed);
  return result;
}

import type { WarningSink } from '@vmcraft/core/contracts';
import { MissingMemberError } from './missing-member.js';
import type { MdDevice, MdSuperblock } from './superblock.js';

/** The devices of one array, each in its place. */
export interface ArraySet {
  /** `/dev/md127 (fixtures:data, 1234…)`, for messages. */
  readonly title: string;
  /** The superblock in force. */
  readonly superblock: MdSuperblock;
  /** The device of each slot; undefined where there is none that can be believed. */
  readonly slots: readonly (MdDevice | undefined)[];
  /** Devices that are being built to replace one, by slot. */
  readonly replacements: ReadonlyMap<number, MdDevice>;
  readonly spares: readonly MdDevice[];
  readonly journal: MdDevice | undefined;
  /** Devices that are left out, with the reason. */
  readonly ignored: readonly { readonly device: MdDevice; readonly reason: string }[];
}

export const nameOf = (device: MdDevice): string => device.deviceName ?? `device ${device.superblock.number}`;

/** A device may be one event behind: md counts a clean shutdown on one after the other. */
const EVENT_MARGIN = 1n;

/** Give each device its place as md does: the newest superblock says who belongs to the array. */
export function arrangeDevices(devices: readonly MdDevice[], title: string, warn: WarningSink): ArraySet {
  const active = devices.filter(({ superblock }) => typeof superblock.role === 'number');
  const newest = newestOf(active.length > 0 ? active : devices);
  const { superblock } = newest;
  const slots = new Array<MdDevice | undefined>(superblock.disks).fill(undefined);
  const replacements = new Map<number, MdDevice>();
  const spares: MdDevice[] = [];
  const ignored: { device: MdDevice; reason: string }[] = [];
  let journal: MdDevice | undefined;
  for (const device of devices) {
    const { role, isReplacement } = device.superblock;
    const reason = refusalOf(device, newest);
    if (reason !== undefined) ignored.push({ device, reason });
    else if (role === 'journal') journal = device;
    else if (role === 'spare') spares.push(device);
    else if (typeof role === 'number' && isReplacement) replacements.set(role, device);
    else if (typeof role === 'number') place(slots, role, device, title);
  }
  for (const { device, reason } of ignored) {
    warn({ source: 'md', message: `${title}: ${nameOf(device)} is left out: ${reason}` });
  }
  return { title, superblock, slots, replacements, spares, journal, ignored };
}

function newestOf(devices: readonly MdDevice[]): MdDevice {
  return devices.reduce((a, b) => (b.superblock.events > a.superblock.events ? b : a));
}

/** Why a device does not belong to the array any more; undefined when it does. */
function refusalOf(device: MdDevice, newest: MdDevice): string | undefined {
  const { superblock } = device;
  const current = newest.superblock;
  if (superblock.role === 'faulty') return 'its own superblock says that it failed';
  const differing = (['level', 'layout', 'chunkSize', 'disks', 'version'] as const).find(
    (field) => superblock[field] !== current[field],
  );
  if (differing !== undefined) {
    return `its superblock has ${differing} ${superblock[differing]}, that of ${nameOf(newest)} has ${current[differing]}`;
  }
  if (superblock.role === 'spare') return undefined;
  if (superblock.isReplacement && current.level < 1) return 'it replaces a member, which this level does not do';
  if (superblock.events + EVENT_MARGIN < current.events) {
    return `it is older than the others: event ${superblock.events}, ${nameOf(newest)} has ${current.events}`;
  }
  if (typeof superblock.role === 'number' && superblock.role >= current.disks) {
    return `it claims slot ${superblock.role} of ${current.disks}`;
  }
  const told = current.roles[superblock.number];
  return told === superblock.role ? undefined : `${nameOf(newest)} says that it is ${describe(told)}`;
}

function describe(role: MdSuperblock['role'] | undefined): string {
  return typeof role === 'number' ? `in slot ${role}` : role === undefined ? 'no member' : role;
}

function place(slots: (MdDevice | undefined)[], slot: number, device: MdDevice, title: string): void {
  const other = slots[slot];
  if (other !== undefined) {
    const reason = `slot ${slot} is there twice, on ${nameOf(other)} and ${nameOf(device)}; give only one of them`;
    throw new MissingMemberError(title, reason);
  }
  slots[slot] = device;
}

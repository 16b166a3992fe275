import type { DiscoveredDevice } from '@vmcraft/core/storage';
import { humanSize } from '../output/human-size.js';
import type { OpenedGuest } from '../shell/guest.js';

/** One device of a guest's storage stack. Absent values are null, so that programs find every key. */
export interface StackDevice {
  readonly name: string;
  /** `disk`, `partition`, or the kind of volume as its activator names it: `lv`, `luks`, `raid1`. */
  readonly kind: string;
  /** Bytes. */
  readonly size: number;
  /** What lies on it, as blkid names it; a disk's partition table is `table:gpt`. */
  readonly type: string | null;
  readonly label: string | null;
  readonly uuid: string | null;
  /** Names of the devices it is made from. */
  readonly parents: readonly string[];
  /** Names of the devices made from it. */
  readonly children: readonly string[];
  /** Where the guest's systems mount it, and what else it is for: `/`, `/boot`, `swap`, `member of linux_raid_member`. */
  readonly uses: readonly string[];
}

/** Every device of the guest, with what it is made from and what it is for. */
export async function stackOf(guest: OpenedGuest): Promise<StackDevice[]> {
  const { storage } = guest.session;
  const mounts = await mountsOf(guest);
  return storage.devices.map((device) => ({
    name: device.name,
    kind: device.kind === 'volume' ? (device.volumeKind ?? 'volume') : device.kind,
    size: device.device.size,
    type: typeOf(device),
    label: device.signature?.label ?? device.member?.label ?? device.label ?? null,
    uuid: device.signature?.uuid ?? device.member?.uuid ?? device.uuid ?? null,
    parents: device.parents,
    children: storage.childrenOf(device.name).map((child) => child.name),
    uses: usesOf(device, mounts),
  }));
}

function typeOf(device: DiscoveredDevice): string | null {
  if (device.table !== undefined) return `table:${device.table.type}`;
  return device.member?.type ?? device.signature?.type ?? null;
}

function usesOf(device: DiscoveredDevice, mounts: ReadonlyMap<string, readonly string[]>): string[] {
  const uses = [...(mounts.get(device.name) ?? [])];
  if (device.signature?.type === 'swap') uses.push('swap');
  if (device.member !== undefined && device.claimedBy === undefined) uses.push(`no plugin opens ${device.member.type}`);
  return uses;
}

/** Mount points of all systems of the guest, by device; subvolumes count for the device they are on. */
async function mountsOf(guest: OpenedGuest): Promise<ReadonlyMap<string, readonly string[]>> {
  const { systems } = await guest.session.inspect();
  const out = new Map<string, string[]>();
  for (const { mountPoints } of systems) {
    for (const { path, mountable } of mountPoints) {
      const name = mountable.replace(/^btrfsvol:(\/dev\/[^/]+(?:\/[^/]+)?)\/.*$/, '$1');
      const device = guest.session.storage.find(name)?.name ?? name;
      out.set(device, [...(out.get(device) ?? []), path]);
    }
  }
  return out;
}

/**
 * Draw the stack as a tree. A volume made from several devices stands below each of them; what is made from it is drawn once.
 *
 * @example
 * /dev/sda                 disk       20G  table:gpt
 * └─/dev/sda2              partition  19G  LVM2_member
 *   └─/dev/vg/root         lv         18G  ext4         /
 */
export function drawStack(devices: readonly StackDevice[]): string {
  const byName = new Map(devices.map((device) => [device.name, device]));
  const drawn = new Set<string>();
  const rows: string[][] = [];
  const draw = (device: StackDevice, lead: string, branch: string): void => {
    const again = drawn.has(device.name) && device.children.length > 0;
    rows.push([`${lead}${branch}${device.name}`, device.kind, humanSize(device.size), ...describe(device, again)]);
    if (drawn.has(device.name)) return;
    drawn.add(device.name);
    const below = lead + (branch === '' ? '' : branch === '└─' ? '  ' : '│ ');
    for (const [i, name] of device.children.entries()) {
      const child = byName.get(name);
      if (child !== undefined) draw(child, below, i === device.children.length - 1 ? '└─' : '├─');
    }
  };
  for (const device of devices) if (device.parents.length === 0) draw(device, '', '');
  return alignRows(rows);
}

function describe(device: StackDevice, again: boolean): string[] {
  const label = device.label === null || device.label === '' ? '' : `"${device.label}" `;
  return [device.type ?? '', again ? '(drawn above)' : `${label}${device.uses.join(', ')}`.trim()];
}

function alignRows(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((out, row) => row.map((cell, i) => Math.max(out[i] ?? 0, [...cell].length)), []);
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 2 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}

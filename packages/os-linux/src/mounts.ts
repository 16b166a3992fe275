import type { FileTree, GuestView, MountPoint } from '@vmcraft/core';
import { resolveSpec } from './device-spec.js';
import { type FstabEntry, isOnDisk, parseFstab } from './fstab.js';

/** What fstab gave. */
export interface MountPlan {
  /** Parents first; `/` always there. */
  readonly mountPoints: readonly MountPoint[];
  /** Swap devices. */
  readonly swaps: readonly string[];
  readonly warnings: readonly string[];
}

const FSTAB = '/etc/fstab';

/** Where the guest mounts its file systems, by its fstab. The root is the file system that was looked at, whatever fstab says. */
export async function planMounts(view: GuestView, tree: FileTree, root: string): Promise<MountPlan> {
  const found = new Map<string, MountPoint>([['/', { path: '/', mountable: root, source: root }]]);
  const swaps: string[] = [];
  const warnings: string[] = [];
  for (const entry of parseFstab((await tree.lines(FSTAB)) ?? [])) {
    if (!isOnDisk(entry)) continue;
    const device = resolveSpec(view, entry.spec, root);
    if (entry.type === 'swap' || entry.file === 'none' || entry.file === 'swap') {
      if (device !== undefined && entry.type === 'swap') swaps.push(device);
      continue;
    }
    if (!entry.file.startsWith('/')) continue;
    if (device === undefined) {
      if (entry.file !== '/' && !entry.options.includes('noauto'))
        warnings.push(`${FSTAB}: ${entry.spec} for ${entry.file} is on none of the disks`);
      continue;
    }
    addMount(found, entry, withSubvolume(view, device, entry), root);
  }
  const mountPoints = [...found.values()].sort((a, b) => depth(a.path) - depth(b.path) || (a.path < b.path ? -1 : 1));
  return { mountPoints, swaps, warnings };
}

function addMount(found: Map<string, MountPoint>, entry: FstabEntry, mountable: string, root: string): void {
  if (entry.file === '/') {
    found.set('/', { path: '/', mountable: root, options: entry.options, source: FSTAB });
  } else if (!found.has(entry.file)) {
    found.set(entry.file, { path: entry.file, mountable, options: entry.options, source: FSTAB });
  }
}

/** `subvol=` of btrfs(5) names a subvolume, which guestfs writes as a mountable of its own. */
function withSubvolume(view: GuestView, device: string, entry: FstabEntry): string {
  const option = entry.options.find((o) => o.startsWith('subvol='));
  const fs = view.filesystems.find((f) => f.mountable === device);
  if (option === undefined || fs?.type !== 'btrfs') return device;
  return `btrfsvol:${device}/${option.slice('subvol='.length).replace(/^\/+/, '')}`;
}

const depth = (path: string): number => (path === '/' ? 0 : path.split('/').length - 1);

/** Mount points that can be opened, for building the guest's tree. */
export function openable(view: GuestView, plan: MountPlan): ReadonlyMap<string, string> {
  const mounts = new Map<string, string>();
  for (const point of plan.mountPoints) {
    const device = /^btrfsvol:(\/dev\/[^/]+(?:\/[^/]+)?)/.exec(point.mountable)?.[1] ?? point.mountable;
    const known = view.filesystems.find((f) => f.mountable === point.mountable || f.mountable === device);
    if (point.path === '/' || known?.canMount === true) mounts.set(point.path, point.mountable);
  }
  return mounts;
}

import { stat } from 'node:fs/promises';
import { messageOf, UsageError, VmcraftError } from '@vmcraft/core/errors';
import { syntaxError } from '../language/shell-error.js';
import type { MountOption } from '../options/mount-option.js';
import { driveArguments, type ShellOptions } from '../options/shell-options.js';
import { addPreparedDisk, type PreparedDisk, parsePreparedDisk } from './prepared-disks.js';
import type { Shell } from './shell.js';

/**
 * Do what the options ask for before the first command: add drives, launch, prepare `-N` disks, inspect, mount.
 * @throws what the drives, the launch or the mounts throw
 */
export async function openGuest(shell: Shell, options: ShellOptions): Promise<void> {
  const prepared = await addDrives(shell, options);
  const launch = options.inspect || options.mounts.length > 0 || prepared.length > 0;
  if (!launch) return;
  await shell.call('launch');
  for (const { disk, device } of prepared) await disk.prepare(shell, device);
  if (options.inspect) await mountInspected(shell, options);
  for (const mount of options.mounts) await mountOne(shell, mount, options.readonly);
}

/** Letters of the n-th drive: sda … sdz, sdaa … */
export function driveName(index: number): string {
  const letters = (n: number): string =>
    n < 0 ? '' : letters(Math.floor(n / 26) - 1) + String.fromCharCode(97 + (n % 26));
  return `/dev/sd${letters(index)}`;
}

async function addDrives(shell: Shell, options: ShellOptions): Promise<{ disk: PreparedDisk; device: string }[]> {
  const prepared: { disk: PreparedDisk; device: string }[] = [];
  for (const [index, drive] of options.drives.entries()) {
    if (drive.kind === 'new') {
      const disk = parsePreparedDisk(drive.text, prepared.length + 1, shell.settings.personality.name);
      await addPreparedDisk(shell, disk);
      prepared.push({ disk, device: driveName(index) });
      continue;
    }
    const { filename, options: given, isRemote } = driveArguments(drive, options.readonly);
    if (isRemote !== true) await checkAccess(filename);
    await shell.call('add_drive', [filename], shell.settings.force ? { ...given, force: true } : { ...given });
  }
  return prepared;
}

/** guestfish says this before it does anything else. */
async function checkAccess(path: string): Promise<void> {
  try {
    await stat(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'No such file or directory' : messageOf(cause);
    throw new VmcraftError({
      code: 'VMC_HOST',
      message: `access: ${path}: ${reason}`,
      data: { path, operation: 'access', errno: code, reason },
      cause,
    });
  }
}

async function mountOne(shell: Shell, mount: MountOption, readonly: boolean): Promise<void> {
  const { device, mountpoint, options = readonly ? 'ro' : '', fstype } = mount;
  try {
    if (fstype !== undefined) await shell.call('mount_vfs', [options, fstype, device, mountpoint]);
    else if (options !== '') await shell.call('mount_options', [options, device, mountpoint]);
    else await shell.call('mount', [device, mountpoint]);
  } catch (error) {
    await suggestFilesystems(shell, device);
    throw error;
  }
}

/** After a `-m` that failed: what there is to mount. */
async function suggestFilesystems(shell: Shell, device: string): Promise<void> {
  if (shell.settings.json) return;
  const found = await shell.call<Record<string, string>>('list_filesystems').catch(() => ({}));
  const lines = Object.entries(found).map(([name, type]) => `\t${name} (${type})\n`);
  const { name } = shell.settings.personality;
  await shell.errors.write(
    `${name}: ‘${device}’ could not be mounted.\n${lines.length === 0 ? '' : `${name}: Did you mean to mount one of these filesystems?\n${lines.join('')}`}`,
  );
}

/** No operating system was found where `-i` needs one. */
export class NoOperatingSystemError extends VmcraftError {
  constructor(hint: string) {
    super({ code: 'VMC_NO_OS', message: 'no operating system was found on this disk', data: { hint } });
  }
}

const NO_OS_HINT = `
If using guestfish ‘-i’ option, remove this option and instead
use the commands ‘run’ followed by ‘list-filesystems’.
You can then mount filesystems you want by hand using the
‘mount’ or ‘mount-ro’ command.

If you believe that the disk image or guest should contain an
operating system, then this is probably a bug.`;

/**
 * Which of the systems to mount: the one asked for, or the only one.
 * @throws NoOperatingSystemError, UsageError when there are several
 */
export function chooseRoot(roots: readonly string[], wanted: string | undefined): string {
  if (roots.length === 0) {
    throw new NoOperatingSystemError("'vmcraft filesystems' lists what is on the disk; mount one with -m");
  }
  if (wanted !== undefined) {
    if (roots.includes(wanted)) return wanted;
    throw new UsageError(`--root ${wanted}: no operating system there`, { hint: `found: ${roots.join(', ')}` });
  }
  if (roots.length > 1) {
    throw new UsageError(`several operating systems are on this disk: ${roots.join(', ')}`, {
      hint: 'choose one with --root DEVICE',
    });
  }
  return roots[0]!;
}

async function mountInspected(shell: Shell, options: ShellOptions): Promise<void> {
  const roots = await shell.call<string[]>('inspect_os');
  const { guestfish, name } = shell.settings.personality;
  if (guestfish && roots.length === 0) throw syntaxError(`no operating system was found on this disk\n${NO_OS_HINT}`);
  if (guestfish && roots.length > 1 && options.root === undefined) {
    throw syntaxError('multi-boot operating systems are not supported');
  }
  const root = chooseRoot(roots, options.root);
  const mounts = await shell.call<Record<string, string>>('inspect_get_mountpoints', [root]);
  // Shorter first: parents are mounted before what lies in them.
  const ordered = Object.entries(mounts).sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
  let failed = false;
  for (const [mountpoint, device] of ordered) {
    try {
      await shell.call(options.readonly ? 'mount_ro' : 'mount', [device, mountpoint]);
    } catch (error) {
      if (mountpoint === '/') throw error;
      failed = true;
      await shell.errors.write(`${name}: ${mountpoint} (${device}): ${messageOf(error)}\n`);
    }
  }
  if (failed) await shell.errors.write(`${name}: some filesystems could not be mounted (ignored)\n`);
  if (shell.settings.interactive) await describeMounted(shell, root, ordered);
}

async function describeMounted(
  shell: Shell,
  root: string,
  mounts: readonly (readonly [string, string])[],
): Promise<void> {
  const product = await shell.call<string>('inspect_get_product_name', [root]).catch(() => 'unknown');
  if (product !== 'unknown') await shell.output.write(`Operating system: ${product}\n`);
  for (const [mountpoint, device] of mounts) await shell.output.write(`${device} mounted on ${mountpoint}\n`);
  await shell.output.write('\n');
}

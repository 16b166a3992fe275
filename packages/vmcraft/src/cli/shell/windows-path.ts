import { syntaxError } from '../language/shell-error.js';
import type { Shell } from './shell.js';

/**
 * The guest path of a Windows path (guestfish(1), WINDOWS PATHS): the drive's mount point, slashes turned, and the case that the
 * file system has.
 * @param path what follows `win:`
 * @throws ShellError for a drive that is not known or not mounted
 */
export async function resolveWindowsPath(shell: Shell, path: string): Promise<string> {
  const drive = /^([a-z]):/i.exec(path)?.[1];
  const slashed = (drive === undefined ? path : path.slice(2)).replaceAll('\\', '/');
  const prefix = drive === undefined ? '' : await mountPointOfDrive(shell, drive.toLowerCase());
  const joined = `${prefix}/${slashed}`.replace(/\/{2,}/g, '/');
  return shell.call<string>('case_sensitive_path', [joined]);
}

async function mountPointOfDrive(shell: Shell, drive: string): Promise<string> {
  const roots = await shell.call<string[]>('inspect_get_roots');
  if (roots.length === 0) {
    throw syntaxError(
      'to use Windows drive letters, you must inspect the guest ("-i" option or run "inspect-os" command)',
    );
  }
  const mappings = await shell.call<Record<string, string>>('inspect_get_drive_mappings', [roots[0]!]);
  const device = Object.entries(mappings).find(([letter]) => letter.toLowerCase() === drive)?.[1];
  if (device === undefined) throw syntaxError(`drive '${drive}:' not found.`);
  const mounts = await shell.call<Record<string, string>>('mountpoints');
  const mounted = mounts[device];
  if (mounted === undefined) {
    throw syntaxError(
      `to access '${drive}:', mount ${device} first.  One way to do this is:\n  umount-all\n  mount ${device} /`,
    );
  }
  return mounted === '/' ? '' : mounted;
}

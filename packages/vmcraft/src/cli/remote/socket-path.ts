import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostError } from '@vmcraft/core/errors';

/**
 * Path of the socket of a server process, in a folder that only its user can enter.
 * @throws HostError when somebody else has made that folder (CVE-2013-4419 of guestfish)
 */
export function socketPath(pid: number): string {
  const uid = process.geteuid?.() ?? 0;
  const folder = join(tmpdir(), `.vmcraft-${uid}`);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== uid || (stat.mode & 0o077) !== 0) {
    throw new HostError({
      path: folder,
      operation: 'remote',
      reason: 'is not a private folder of this user; remove it',
    });
  }
  return join(folder, `socket-${pid}`);
}

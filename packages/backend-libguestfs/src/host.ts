import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Availability } from '@vmcraft/core';

const REMEDY =
  'install libguestfs-tools and linux-image-amd64 (Debian, Ubuntu), guestfs-tools and perl-Sys-Guestfs (Fedora), then run libguestfs-test-tool';

/** Prints the version of the library. */
const ASK =
  'use Sys::Guestfs; my %v = Sys::Guestfs->new(environment => 0)->version; print join ".", @v{qw(major minor release)}';

/** Absolute path of a program, or undefined. */
async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

/** What this host has of libguestfs. */
export interface HostLibrary {
  readonly perl: string;
  readonly version: string;
}

/** What was found, by the search path that it was found with. */
const found = new Map<string, Promise<HostLibrary | string>>();

async function look(): Promise<HostLibrary | string> {
  const perl = await findProgram('perl');
  if (perl === undefined) return 'perl is not installed, through which libguestfs is called';
  return new Promise((resolve) => {
    execFile(perl, ['-e', ASK], { timeout: 10_000, env: { ...process.env, LC_ALL: 'C' } }, (error, stdout, stderr) => {
      if (error === null) resolve({ perl, version: stdout.trim() });
      else if (stderr.includes("Can't locate Sys/Guestfs.pm")) resolve('libguestfs is not installed');
      else resolve(`libguestfs does not start: ${stderr.trim().split('\n')[0] ?? error.message}`);
    });
  });
}

/** libguestfs on this host, or why there is none. Asked once in a process. */
export function hostLibrary(): Promise<HostLibrary | string> {
  const place = process.env.PATH ?? '';
  const known = found.get(place) ?? look();
  found.set(place, known);
  return known;
}

/** Why there is nothing to start, with what to do about it. */
export const absence = (reason: string): string => `${reason} (${REMEDY})`;

/** Whether libguestfs can be used here, and which version it is. */
export async function libraryAvailability(): Promise<Availability> {
  const library = await hostLibrary();
  if (typeof library === 'string') return { available: false, reason: library, remedy: REMEDY };
  const backend = process.env.LIBGUESTFS_BACKEND ?? 'direct';
  return { available: true, detail: `libguestfs ${library.version}, its backend '${backend}'` };
}

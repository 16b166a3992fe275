import { access, constants, readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';

/** Folders of the system come first: what runs with our rights is not taken from a folder that a user put into PATH. */
const FOLDERS = ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/local/bin', '/usr/local/sbin'];

/** Absolute path of a host program; undefined when it is not installed. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of FOLDERS) {
    const path = join(folder, name);
    if (await can(path, constants.X_OK)) return path;
  }
  return undefined;
}

/** Whether a path exists and may be used. */
export async function can(path: string, mode: number = constants.F_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** Whether the running kernel mounts a type, at once or by loading a module. */
export async function kernelMounts(type: string): Promise<boolean> {
  const known = await readFile('/proc/filesystems', 'utf8').catch(() => '');
  if (known.split('\n').some((line) => line.trim().split(/\s+/).at(-1) === type)) return true;
  return hasModule(type);
}

/** Whether the running kernel has a module that could be loaded. */
async function hasModule(name: string): Promise<boolean> {
  const modules = await readFile(`/lib/modules/${release()}/modules.dep`, 'utf8').catch(() => '');
  return modules.includes(`/${name}.ko`);
}

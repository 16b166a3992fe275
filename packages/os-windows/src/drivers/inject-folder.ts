import { HostError, UsageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import { openHostFolder } from './driver-folder.js';
import { type InjectionResult, type InjectOptions, injectPackages, openInjectionTarget } from './inject.js';

/**
 * Inject the driver packages of a folder of the host into the mounted Windows.
 * @param inf which of its INFs; all that lie in it unless given
 * @throws UsageError when none is for this Windows, HostError when the folder or INF is missing
 */
export async function injectDriver(
  g: Session,
  directory: string,
  inf?: string,
  options: InjectOptions = {},
): Promise<InjectionResult> {
  const folder = await openHostFolder(g, directory);
  const infs = folder.files.filter((file) => !file.includes('/') && file.toLowerCase().endsWith('.inf'));
  const chosen = inf === undefined ? infs : [folder.find(inf)].filter((file) => file !== undefined);
  if (inf !== undefined && chosen.length === 0) {
    const path = g.platform.tree.join(directory, inf);
    throw new HostError({ path, operation: 'inject_driver', errno: 'ENOENT', reason: 'No such file or directory' });
  }
  if (chosen.length === 0) throw new UsageError(`no INF lies in ${directory}`, { argument: 'directory' });
  const target = await openInjectionTarget(g, 'inject_driver');
  return injectPackages(
    target,
    chosen.map((file) => ({ folder, inf: file })),
    options,
  );
}

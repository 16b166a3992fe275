import { UsageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import { describeTarget } from '../inf/index.js';
import { openDrivers } from './driver-image.js';
import { type InjectionResult, type InjectOptions, injectPackages, openInjectionTarget } from './inject.js';
import { chooseFromTree, listTree } from './virtio-tree.js';

/** How drivers are taken from a virtio-win tree. */
export interface InjectVirtioOptions extends InjectOptions {
  /** Names of the drivers that are wanted, `viostor`; all that suit the guest unless given. */
  readonly drivers?: readonly string[];
}

/**
 * Inject the drivers of a virtio-win tree that suit the mounted Windows.
 * @param path folder of the host, or an image such as virtio-win.iso
 * @throws UsageError when the tree has none for this Windows, or lacks one that is named
 */
export async function injectVirtio(
  g: Session,
  path: string,
  options: InjectVirtioOptions = {},
): Promise<InjectionResult> {
  await using drivers = await openDrivers(g, path);
  const { folder } = drivers;
  const target = await openInjectionTarget(g, 'inject_virtio');
  const all = listTree(folder);
  const wanted = options.drivers?.map((name) => name.toLowerCase());
  const chosen = chooseFromTree(all, target.facts).filter(({ driver }) => wanted?.includes(driver) ?? true);
  const missing = (wanted ?? []).filter((name) => !chosen.some(({ driver }) => driver === name));
  if (missing.length > 0 || chosen.length === 0) {
    const what = missing.length > 0 ? `no ${missing.join(', ')}` : 'no driver';
    const releases = [...new Set(all.map(({ release, architecture }) => `${release}/${architecture}`))].sort();
    const has = releases.length === 0 ? 'nothing that is laid out as virtio-win is' : releases.join(', ');
    throw new UsageError(`${path} has ${what} for ${describeTarget(target.facts)}; it has ${has}`);
  }
  // Awaited here: what reads the image must be done before it is closed.
  return await injectPackages(
    target,
    chosen.map(({ path: inf }) => ({ folder, inf })),
    options,
  );
}

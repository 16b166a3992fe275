import { FsError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import type { DiscoveredDevice } from '@vmcraft/core/storage';
import { arrange, arraysOf, type FoundArray, MD_ACTIVATOR } from '../activator.js';
import type { ArraySet } from '../array-set.js';

/** Names of arrays that were stopped, by session. */
const stopped = new WeakMap<Session, Set<string>>();

/** Let the tree show what there is now. */
export async function refresh(g: Session): Promise<void> {
  g.opened.inspection = undefined;
  const names = stoppedIn(g);
  await g.storage.refresh(MD_ACTIVATOR, { volume: ({ name }) => !names.has(name) });
}

/** Names of a session's arrays that were stopped. */
export function stoppedIn(g: Session): Set<string> {
  let names = stopped.get(g);
  if (names === undefined) {
    names = new Set();
    stopped.set(g, names);
  }
  return names;
}

/** Arrays that are up. */
export function arrays(g: Session): readonly DiscoveredDevice[] {
  return g.storage.devices.filter((d) => d.kind === 'volume' && d.activator === MD_ACTIVATOR);
}

/** An array by any of its names, with its members. @throws FsError ENOENT, EINVAL when it is none */
export async function findArray(
  g: Session,
  device: string,
  operation: string,
): Promise<{ readonly array: DiscoveredDevice; readonly found: FoundArray; readonly set: ArraySet }> {
  const { name } = g.device(device, operation);
  const array = arrays(g).find((d) => d.name === name);
  const members = g.storage.devices.flatMap((d) =>
    d.claimedBy === MD_ACTIVATOR && d.member?.type === 'linux_raid_member' ? [{ ...d.member, device: d.device }] : [],
  );
  const quiet = (): void => undefined;
  const found = (await arraysOf(members, quiet)).find((a) => a.name === name);
  if (array === undefined || found === undefined) {
    throw new FsError('EINVAL', { operation, path: name, reason: 'it is not an md array' });
  }
  return { array, found, set: arrange(found, quiet) };
}

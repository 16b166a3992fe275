import { ReadOnlyDevice } from '../block/index.js';
import type { BlockDevice } from '../contracts/index.js';
import { CapabilityError, FsError } from '../errors/index.js';
import type { DiscoveredDevice } from '../storage/index.js';
import { parseMountable } from './mountable.js';
import type { Session } from './session.js';

/** Everything made from a device: its partitions, volumes on those, and so on. */
export function descendantsOf(g: Session, name: string): DiscoveredDevice[] {
  const found = new Map<string, DiscoveredDevice>();
  const visit = (parent: string): void => {
    for (const child of g.storage.childrenOf(parent)) {
      if (found.has(child.name)) continue;
      found.set(child.name, child);
      visit(child.name);
    }
  };
  visit(name);
  return [...found.values()];
}

/** Whether a file system of the device is mounted. */
export function isMounted(g: Session, name: string): boolean {
  return g.mounts.list().some(({ source }) => !source.startsWith('loop:') && parseMountable(source).device === name);
}

/** Let the devices have what file systems hold back, so that reading the devices shows it. */
export async function settle(g: Session): Promise<void> {
  await g.opened.filesystems.sync();
}

/** Why a device cannot be written. */
export function readOnlyError(name: string, device: BlockDevice): CapabilityError {
  return CapabilityError.readOnly(name, device instanceof ReadOnlyDevice ? device.reason : undefined);
}

/**
 * Change the bytes of a device on which nothing is in use, then look again at what lies on it.
 * @throws FsError EBUSY when something on it is mounted or a volume is made from it; CapabilityError when it is read-only
 */
export async function changeDevice<T>(
  g: Session,
  name: string,
  operation: string,
  work: (device: BlockDevice) => Promise<T>,
): Promise<T> {
  const device = await g.exclusiveDevice(name, operation);
  const volume = descendantsOf(g, name).find((d) => d.kind === 'volume');
  if (volume !== undefined) {
    throw new FsError('EBUSY', { operation, path: name, reason: `${volume.name} is made from it` });
  }
  if (!device.writable) throw readOnlyError(name, device);
  try {
    return await work(device);
  } finally {
    await g.storage.rescan(name);
  }
}

/**
 * Change the partition table of a device. Other partitions than those that `moves` names may be in use.
 * @param moves whether a partition with this number goes away, changes its place or gets another name
 * @throws FsError EBUSY when such a partition is in use, or a file system of the whole device
 */
export async function changeTable<T>(
  g: Session,
  name: string,
  operation: string,
  moves: (number: number) => boolean,
  work: (device: BlockDevice) => Promise<T>,
): Promise<T> {
  const { device } = g.device(name, operation);
  if (!device.writable) throw readOnlyError(name, device);
  await g.opened.filesystems.vacate(name, operation);
  for (const child of g.storage.childrenOf(name)) {
    if (child.partition === undefined || !moves(child.partition.number)) continue;
    await g.opened.filesystems.vacate(child.name, operation);
    const [user] = descendantsOf(g, child.name);
    if (user !== undefined) {
      throw new FsError('EBUSY', { operation, path: child.name, reason: `${user.name} is made from it` });
    }
  }
  g.opened.inspection = undefined;
  try {
    return await work(device);
  } finally {
    await g.storage.rescan(name);
  }
}

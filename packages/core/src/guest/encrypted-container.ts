import type { BlockDevice, ContainerTools, StorageActivator } from '../contracts/index.js';
import { CapabilityError, FsError, UsageError } from '../errors/index.js';
import type { DiscoveredDevice } from '../storage/index.js';
import { descendantsOf, readOnlyError } from './device-changes.js';
import type { Session } from './session.js';

/** Member types by what cryptsetup(8) calls them, `--type`. */
const CRYPT_TYPES: Readonly<Record<string, string>> = {
  luks: 'crypto_LUKS',
  luks1: 'crypto_LUKS',
  luks2: 'crypto_LUKS',
  bitlk: 'BitLocker',
};

/** What names of volumes begin with that come up by themselves; the identifier follows. */
const AUTOMATIC = ['luks', 'bitlk'] as const;

/** An activator whose members are encrypted containers. */
export interface ContainerProvider {
  readonly activator: StorageActivator;
  readonly tools: ContainerTools;
}

/** Who handles containers of a type as blkid names it. @throws CapabilityError */
export async function containersOf(g: Session, type: string): Promise<ContainerProvider> {
  for (const activator of await g.services.storageActivators()) {
    const { containers: tools } = activator;
    if (tools?.types.includes(type) === true) return { activator, tools };
  }
  throw new CapabilityError({
    capability: 'activate',
    subject: `type ${type}`,
    reason: 'no plugin opens such containers',
  });
}

/** The type of container that is meant: by the name of cryptsetup, or what lies on the device. @throws CapabilityError */
export function containerType(device: DiscoveredDevice, cryptType: string | undefined): string {
  if (cryptType === undefined || cryptType === '')
    return device.member?.type ?? device.signature?.type ?? 'crypto_LUKS';
  const type = Object.hasOwn(CRYPT_TYPES, cryptType) ? CRYPT_TYPES[cryptType] : undefined;
  if (type !== undefined) return type;
  throw new CapabilityError({
    capability: `crypttype ${cryptType}`,
    subject: 'this session',
    reason: 'it is luks or bitlk',
  });
}

/** How a container is opened by hand. */
export interface OpenByHand {
  readonly device: string;
  readonly key: string;
  readonly mapname: string;
  readonly readonly: boolean;
  readonly cryptType?: string | undefined;
  /** Device that holds the header, when the container has it not on its own. */
  readonly header?: string | undefined;
}

/**
 * Open a container and show its volume as `/dev/mapper/MAPNAME`.
 * @throws CredentialError when the key is wrong; FsError EBUSY when it is open already; UsageError when the name is taken
 */
export async function openByHand(g: Session, operation: string, request: OpenByHand): Promise<void> {
  const { device: deviceName, mapname: volumeName, readonly } = request;
  if (volumeName === '' || volumeName.includes('/')) throw new UsageError(`'${volumeName}' is no name for a volume`);
  const device = g.device(deviceName, operation);
  const header = request.header === undefined ? undefined : g.device(request.header, operation);
  const { activator, tools } = await containersOf(g, containerType(header ?? device, request.cryptType));
  if (g.storage.find(`/dev/mapper/${volumeName}`) !== undefined) {
    throw new FsError('EEXIST', { operation, path: `/dev/mapper/${volumeName}` });
  }
  await makeWay(g, operation, device, activator.name);
  const key = new TextEncoder().encode(request.key);
  try {
    const detached = header === undefined ? {} : { header: header.device };
    const wanted = { deviceName: device.name, key, volumeName, readonly, ...detached };
    const volume = await tools.open(device.device, wanted, g.storage.context);
    await g.storage.adopt(activator, device.name, volume);
    g.opened.inspection = undefined;
  } finally {
    key.fill(0);
  }
}

/** A volume that came up by itself, with a key given at the start, gives way to the one that is asked for by name. */
async function makeWay(g: Session, operation: string, device: DiscoveredDevice, activator: string): Promise<void> {
  for (const child of g.storage.childrenOf(device.name)) {
    if (child.kind !== 'volume') continue;
    const isAutomatic =
      child.activator === activator && AUTOMATIC.some((p) => child.name === `/dev/mapper/${p}-${device.member?.uuid}`);
    if (!isAutomatic)
      throw new FsError('EBUSY', { operation, path: device.name, reason: `${child.name} is made from it` });
    await closeVolume(g, operation, child.name);
  }
}

/**
 * Close a volume of a container, and all that was made from it.
 * @throws FsError EBUSY when something on it is mounted
 */
export async function closeVolume(g: Session, operation: string, name: string): Promise<void> {
  const volume = g.device(name, operation);
  const provider = (await g.services.storageActivators()).find((a) => a.name === volume.activator);
  if (volume.kind !== 'volume' || provider?.containers === undefined) {
    throw new UsageError(`${name} is not an opened container`, { action: operation });
  }
  const users = [volume, ...descendantsOf(g, volume.name)];
  for (const user of [...users].reverse()) await g.exclusiveDevice(user.name, operation);
  for (const user of [...users].reverse()) if (user.device.writable) await user.device.flush();
  g.storage.forget(volume.name);
  await volume.device.close();
}

/** The bytes of a container whose key slots are to change: it may be open. @throws CapabilityError when it is read-only */
export function keySlotsOf(g: Session, name: string, operation: string): BlockDevice {
  const { device } = g.device(name, operation);
  if (!device.writable) throw readOnlyError(name, device);
  g.opened.inspection = undefined;
  return device;
}

import type { BlockDevice, FileSystem, GuestLink, WarningSink } from '../contracts/index.js';
import { supports } from '../contracts/index.js';
import { CapabilityError, FsError } from '../errors/index.js';
import type { DiscoveredDevice } from '../storage/index.js';
import { formatMountable, type Mountable } from './mountable.js';
import type { SessionServices } from './services.js';

/** How a file system is to be opened. */
export interface OpenRequest {
  readonly mountable: Mountable;
  readonly readonly: boolean;
  /** File-system type that the caller names; otherwise what the signature says. */
  readonly type?: string;
  readonly mountOptions?: readonly string[];
  /** Name of the only driver to consider; otherwise the one that has it open, or the best. */
  readonly driver?: string;
}

interface Entry {
  readonly fs: FileSystem;
  readonly readonly: boolean;
  /** On a file of another file system: closed at once, as the file may go away. */
  readonly isLoop: boolean;
  users: number;
}

/** Type of the devices of a pool. */
const POOL = 'zfs_member';

/** Opened file systems, one per mountable however often it is used: two that write one device would ruin it. */
export class OpenFilesystems {
  readonly #entries = new Map<string, Entry>();

  constructor(
    private readonly services: SessionServices,
    private readonly warn: WarningSink,
    private readonly find: (name: string) => DiscoveredDevice,
    private readonly all: () => readonly DiscoveredDevice[],
    private readonly guest?: GuestLink,
  ) {}

  /**
   * The file system of a mountable; give it back with {@link release}.
   * @throws FsError EBUSY when it is in use read-only and wanted for writing
   */
  async acquire(request: OpenRequest): Promise<FileSystem> {
    const key = keyOf(request);
    const device = this.find(request.mountable.device);
    const readonly = request.readonly || !device.device.writable;
    let entry = this.#entries.get(key);
    if (entry?.readonly === true && !readonly) {
      if (entry.users > 0) throw new FsError('EBUSY', { operation: 'mount', path: key, reason: 'in use read-only' });
      await this.#drop(key, entry);
      entry = undefined;
    }
    if (entry !== undefined && request.driver !== undefined && entry.fs.identity.driver !== request.driver) {
      const reason = `in use by ${entry.fs.identity.driver}`;
      if (entry.users > 0) throw new FsError('EBUSY', { operation: 'mount', path: key, reason });
      await this.#drop(key, entry);
      entry = undefined;
    }
    if (entry === undefined) {
      if (device.signature?.type === POOL) await this.#vacatePool(device);
      entry = { fs: await this.#open(request, device, readonly), readonly, isLoop: false, users: 0 };
      this.#entries.set(key, entry);
    }
    entry.users += 1;
    return entry.fs;
  }

  async #open(request: OpenRequest, device: DiscoveredDevice, readonly: boolean): Promise<FileSystem> {
    const wanted = {
      device: device.device,
      deviceName: formatMountable(request.mountable),
      type: request.type ?? device.signature?.type,
      readonly,
      ...(this.guest === undefined ? {} : { guest: this.guest }),
      peers: async () => this.#peersOf(device).map((other) => other.device),
      others: async () => this.all().filter(({ name }) => name !== device.name),
      ...(request.driver === undefined ? {} : { driver: request.driver }),
      mountOptions: [
        ...(request.mountOptions ?? []),
        ...(request.mountable.subvolume === undefined ? [] : [`subvol=${request.mountable.subvolume}`]),
      ],
    };
    try {
      return await this.services.openFilesystem(wanted, this.warn);
    } catch (error) {
      // As mount(8) does for a write-protected source: what cannot be written can still be read.
      if (readonly || !(error instanceof CapabilityError) || error.code !== 'VMC_READ_ONLY') throw error;
      this.warn({ source: wanted.deviceName, message: `opened read-only: ${error.message}` });
      return this.services.openFilesystem({ ...wanted, readonly: true }, this.warn);
    }
  }

  /** Devices that may be further ones of the same file system. */
  #peersOf(device: DiscoveredDevice): readonly DiscoveredDevice[] {
    const { name, signature } = device;
    if (signature?.uuid === undefined) return [];
    const { type, uuid } = signature;
    return this.all().filter(
      (other) => other.name !== name && other.signature?.type === type && other.signature.uuid === uuid,
    );
  }

  /** A pool is opened as a whole, over all of its devices: never twice. @throws FsError EBUSY when it is in use */
  async #vacatePool(device: DiscoveredDevice): Promise<void> {
    for (const { name } of [device, ...this.#peersOf(device)]) await this.vacate(name, 'mount');
  }

  /**
   * The file system inside a file of the guest. Its key is a name that no device has.
   * @throws FsError EBUSY when it is mounted already
   */
  async acquireLoop(device: BlockDevice, name: string): Promise<FileSystem> {
    if (this.#entries.has(name)) throw new FsError('EBUSY', { operation: 'mount_loop', path: name });
    const readonly = !device.writable;
    const request = { device, deviceName: name, type: undefined, readonly, mountOptions: [] };
    const fs = await this.services.openFilesystem(request, this.warn);
    this.#entries.set(name, { fs, readonly, users: 1, isLoop: true });
    return fs;
  }

  /** A user is done with it. It stays open, idle, until something else is wanted of its device. */
  async release(fs: FileSystem): Promise<void> {
    for (const [key, entry] of this.#entries) {
      if (entry.fs !== fs) continue;
      entry.users -= 1;
      if (entry.users === 0 && (!entry.readonly || entry.isLoop)) await this.#drop(key, entry);
      return;
    }
  }

  /**
   * Make sure that nobody has the file systems of a device open, before something else works on its bytes.
   * @throws FsError EBUSY when one is mounted
   */
  async vacate(device: string, operation: string): Promise<void> {
    for (const [key, entry] of [...this.#entries]) {
      if (key !== device && !key.startsWith(`btrfsvol:${device}/`)) continue;
      if (entry.users > 0) throw new FsError('EBUSY', { operation, path: device, reason: 'mounted' });
      await this.#drop(key, entry);
    }
  }

  /** Hand all that is held back to the devices. */
  async sync(): Promise<void> {
    for (const { fs, readonly } of [...this.#entries.values()].reverse()) {
      if (!readonly && supports(fs, 'write')) await fs.sync();
    }
  }

  /** Close everything, users or not. */
  async close(): Promise<void> {
    // What was opened last may lie in a file of what was opened first.
    for (const [key, entry] of [...this.#entries].reverse()) await this.#drop(key, entry);
  }

  async #drop(key: string, entry: Entry): Promise<void> {
    this.#entries.delete(key);
    await entry.fs.close();
  }
}

/** Trees of one device are file systems by themselves, whether the mountable or an option names them. */
function keyOf({ mountable, mountOptions = [] }: OpenRequest): string {
  const option =
    mountable.subvolume === undefined ? mountOptions.findLast((o) => /^(subvol(id)?|dataset)=/.test(o)) : undefined;
  if (option === undefined) return formatMountable(mountable);
  const [name, ...value] = option.split('=');
  // No name of a tree has a zero byte.
  const subvolume = name === 'subvol' ? value.join('=').replace(/^\/+/, '') : `\0${option}`;
  return formatMountable({ device: mountable.device, subvolume });
}

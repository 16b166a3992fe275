import type { FileSystem, WarningSink } from '../contracts/index.js';
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
}

interface Entry {
  readonly fs: FileSystem;
  readonly readonly: boolean;
  users: number;
}

/** Opened file systems, one per mountable however often it is used: two that write one device would ruin it. */
export class OpenFilesystems {
  readonly #entries = new Map<string, Entry>();

  constructor(
    private readonly services: SessionServices,
    private readonly warn: WarningSink,
    private readonly find: (name: string) => DiscoveredDevice,
  ) {}

  /**
   * The file system of a mountable; give it back with {@link release}.
   * @throws FsError EBUSY when it is in use read-only and wanted for writing
   */
  async acquire(request: OpenRequest): Promise<FileSystem> {
    const key = formatMountable(request.mountable);
    const device = this.find(request.mountable.device);
    const readonly = request.readonly || !device.device.writable;
    let entry = this.#entries.get(key);
    if (entry?.readonly === true && !readonly) {
      if (entry.users > 0) throw new FsError('EBUSY', { operation: 'mount', path: key, reason: 'in use read-only' });
      await this.#drop(key, entry);
      entry = undefined;
    }
    if (entry === undefined) {
      entry = { fs: await this.#open(request, device, readonly), readonly, users: 0 };
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

  /** A user is done with it. It stays open, idle, until something else is wanted of its device. */
  async release(fs: FileSystem): Promise<void> {
    for (const [key, entry] of this.#entries) {
      if (entry.fs !== fs) continue;
      entry.users -= 1;
      if (entry.users === 0 && !entry.readonly) await this.#drop(key, entry);
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
    for (const { fs, readonly } of this.#entries.values()) if (!readonly && supports(fs, 'write')) await fs.sync();
  }

  /** Close everything, users or not. */
  async close(): Promise<void> {
    for (const [key, entry] of [...this.#entries]) await this.#drop(key, entry);
  }

  async #drop(key: string, entry: Entry): Promise<void> {
    this.#entries.delete(key);
    await entry.fs.close();
  }
}

import {
  type Availability,
  type BlockDevice,
  CapabilityError,
  type FileSystem,
  type FsDriver,
  type FsOpenOptions,
  type FsSignature,
} from '@vmcraft/core';
import { probeSignature } from '@vmcraft/core/storage';
import { Attachment } from './attachment.js';
import { HostHelper } from './helper.js';
import { HostFileSystem } from './host-filesystem.js';
import { canMount, HOST_TYPES, mountCommand } from './mount-methods.js';
import { hostAvailability, hostMeans } from './requirements.js';

/** Name of the driver in selections and messages. */
export const DRIVER = 'host';

let count = 0;

/** The helper of a guest, shared by its file systems; it ends with the last of them. */
class SharedHelper {
  #helper: Promise<HostHelper> | undefined;
  #users = 0;

  /** @throws CapabilityError when this host cannot, HostError */
  async acquire(): Promise<HostHelper> {
    this.#users += 1;
    this.#helper ??= startHelper();
    try {
      return await this.#helper;
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    const helper = this.#helper;
    this.#helper = undefined;
    await helper?.then(
      (running) => running.close(),
      () => undefined,
    );
  }
}

async function startHelper(): Promise<HostHelper> {
  const means = await hostMeans();
  if (!('lack' in means)) return HostHelper.start(means);
  const remedy = means.remedy === undefined ? '' : ` (${means.remedy})`;
  throw new CapabilityError({ capability: 'mount', subject: 'this host', reason: `${means.lack}${remedy}` });
}

/** Mounts by this host's kernel or its FUSE drivers, on a device attached for the purpose. */
export class HostFsDriver implements FsDriver {
  readonly name = DRIVER;
  readonly #helpers = new WeakMap<object, SharedHelper>();

  async available(type?: string, readonly = false): Promise<Availability> {
    const host = await hostAvailability();
    if (!host.available || type === undefined) return host;
    const way = await canMount(type, readonly, process.getuid?.() === 0);
    return way.available ? host : way;
  }

  async probe(device: BlockDevice): Promise<FsSignature | undefined> {
    const found = await probeSignature(device);
    return found !== undefined && HOST_TYPES.includes(found.type) ? found : undefined;
  }

  async open(device: BlockDevice, options: FsOpenOptions): Promise<FileSystem> {
    const found = await this.probe(device).catch(() => undefined);
    const type = options.type ?? found?.type;
    if (type === undefined)
      throw new CapabilityError({ capability: 'mount', subject: 'device', reason: 'no file system is recognised' });
    const shared = this.#shared(options.guest ?? device);
    const helper = await shared.acquire();
    try {
      const readonly = options.readonly || !device.writable;
      const identity = { ...found, type, driver: DRIVER };
      return await this.#mount({ device, helper, identity, readonly, options }, () => shared.release());
    } catch (error) {
      await shared.release();
      throw error;
    }
  }

  async #mount(
    job: {
      readonly device: BlockDevice;
      readonly helper: HostHelper;
      readonly identity: FsSignature & { readonly driver: string };
      readonly readonly: boolean;
      readonly options: FsOpenOptions;
    },
    released: () => Promise<void>,
  ): Promise<FileSystem> {
    const { device, helper, identity, readonly, options } = job;
    const command = await mountCommand(identity.type, readonly, helper.means.mode === 'root');
    if ('lack' in command) {
      const reason = command.remedy === undefined ? command.lack : `${command.lack} (${command.remedy})`;
      throw new CapabilityError({ capability: `mount ${identity.type}`, subject: 'this host', reason });
    }
    const attachment = await Attachment.attach(device, helper, readonly);
    const mount = String(++count);
    const given = options.mountOptions ?? [];
    const how =
      'type' in command ? { ...command, options: [...command.options, ...given] } : { ...command, options: given };
    try {
      await helper.request('mount', { mount, attachment: attachment.id, readonly, ...how });
      return await HostFileSystem.over({ identity, device, readonly, mount, attachment, helper }, released);
    } catch (error) {
      await attachment.close().catch(() => undefined);
      throw error;
    }
  }

  #shared(scope: object): SharedHelper {
    let shared = this.#helpers.get(scope);
    if (shared === undefined) {
      shared = new SharedHelper();
      this.#helpers.set(scope, shared);
    }
    return shared;
  }
}

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
import type { Attachment } from './attachment.js';
import { Attachments } from './attachments.js';
import { HostHelper } from './helper.js';
import { HostFileSystem } from './host-filesystem.js';
import { canMount, HOST_TYPES, mountCommand } from './mount-methods.js';
import { helperMode, hostAvailability, hostMeans } from './requirements.js';
import { safeOptions } from './safe-options.js';
import { ScratchDevice } from './scratch-device.js';

/** Name of the driver in selections and messages. */
export const DRIVER = 'host';

/** Type whose trees may be mounted one by one, of one device at a time. */
const TREES = 'btrfs';
/** Type of pools, which are imported for reading by writing to them. */
const POOL = 'zfs_member';
/** Types that may lie on several devices. */
const SEVERAL_DEVICES: readonly string[] = [TREES, POOL];

let count = 0;

/** A helper that runs, and what is attached in it. */
interface Running {
  readonly helper: HostHelper;
  readonly attachments: Attachments;
}

/** The helper of a guest, shared by its file systems; it ends with the last of them. */
class SharedHelper {
  #running: Promise<Running> | undefined;
  #users = 0;

  /** @throws CapabilityError when this host cannot, HostError */
  async acquire(): Promise<Running> {
    this.#users += 1;
    this.#running ??= startHelper().then((helper) => ({ helper, attachments: new Attachments(helper) }));
    try {
      return await this.#running;
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    const running = this.#running;
    this.#running = undefined;
    await running?.then(
      ({ helper }) => helper.close(),
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
    const way = await canMount(type, readonly, (await helperMode()) === 'root');
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
    const running = await shared.acquire();
    try {
      const readonly = options.readonly || !device.writable;
      const identity = { ...found, type, driver: DRIVER };
      return await this.#mount({ device, running, identity, readonly, options }, () => shared.release());
    } catch (error) {
      await shared.release();
      throw error;
    }
  }

  async #mount(
    job: {
      readonly device: BlockDevice;
      readonly running: Running;
      readonly identity: FsSignature & { readonly driver: string };
      readonly readonly: boolean;
      readonly options: FsOpenOptions;
    },
    released: () => Promise<void>,
  ): Promise<FileSystem> {
    const { device, running, identity, readonly, options } = job;
    const { helper, attachments } = running;
    const command = await mountCommand(identity.type, readonly, helper.means.mode === 'root');
    if ('lack' in command) {
      const reason = command.remedy === undefined ? command.lack : `${command.lack} (${command.remedy})`;
      throw new CapabilityError({ capability: `mount ${identity.type}`, subject: 'this host', reason });
    }
    const mountOptions = safeOptions(options.mountOptions ?? []);
    const members = [device, ...(await membersOf(device, identity.type, options))];
    const isPool = identity.type === POOL;
    const devices = isPool && readonly ? members.map((member) => new ScratchDevice(member)) : members;
    const attached = await attachments.acquire(devices, !isPool && isAttachedReadonly(device, identity.type, readonly));
    const attachment = attached[0] as Attachment;
    const mount = String(++count);
    const given = [...attached.slice(1).map(({ path }) => `device=${path}`), ...mountOptions];
    const always = 'type' in command ? command.options : [];
    const pool = isPool ? { pool: identity.uuid ?? '' } : {};
    // Ours come last, and count.
    const how = { ...command, ...pool, options: [...given, ...always] };
    const detach = (): Promise<void> => attachments.release(devices);
    try {
      await helper.request('mount', { mount, attachment: attachment.id, readonly, ...how });
      const parts = { identity, device, readonly, mount, attachment, helper };
      return await HostFileSystem.over(parts, () => detach().finally(released));
    } catch (error) {
      await detach().catch(() => undefined);
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

/** The other devices of a file system that lies on several. The kernel takes those that are its own. */
async function membersOf(device: BlockDevice, type: string, { peers }: FsOpenOptions): Promise<readonly BlockDevice[]> {
  if (!SEVERAL_DEVICES.includes(type) || peers === undefined) return [];
  return (await peers()).filter((other) => other !== device);
}

/** Subvolumes of one device may be mounted in either way at a time, over one attachment. */
function isAttachedReadonly(device: BlockDevice, type: string, readonly: boolean): boolean {
  return type === TREES ? !device.writable : readonly;
}

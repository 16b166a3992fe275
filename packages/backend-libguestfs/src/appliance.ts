import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NbdServer } from '@vmcraft/backend-nbd';
import {
  type BlockDevice,
  type BorrowedMount,
  CapabilityError,
  type GuestDevice,
  type GuestLink,
  type GuestPart,
  HostError,
  type TreeBorrower,
} from '@vmcraft/core';
import type { Wire } from './codec.js';
import { absence, type HostLibrary, hostLibrary } from './host.js';
import { type Argument, asText, Library } from './library.js';

/** Container types whose contents this process opens: the appliance gets the plain volume as one more disk. */
const isContainer = (type: string | undefined): boolean => type?.startsWith('crypto_') === true || type === 'BitLocker';

const appliances = new WeakMap<GuestLink, Appliance>();

/** The appliance of a guest; there is one, started when it is first needed. */
export function applianceOf(guest: GuestLink): Appliance {
  let appliance = appliances.get(guest);
  if (appliance === undefined) {
    appliance = new Appliance(guest);
    appliances.set(guest, appliance);
    guest.attach(appliance);
  }
  return appliance;
}

interface Running {
  readonly library: Library;
  readonly server: NbdServer;
  /** Devices that have another name in there. */
  readonly names: Map<string, string>;
}

/**
 * libguestfs with the disks of a session, which it reaches through this process: what it writes is part of the session's transaction,
 * what it reads has been through the session's image formats and keys.
 */
export class Appliance implements GuestPart, TreeBorrower {
  #running: Promise<Running> | undefined;
  #mountpoints = 0;

  constructor(readonly guest: GuestLink) {}

  /**
   * Call a function of guestfs(3), given up when the session's call is cancelled.
   * @throws FsError, HostError, AbortedError; CapabilityError when libguestfs is not there
   */
  async call(
    name: string,
    args: readonly Argument[] = [],
    options: Readonly<Record<string, Argument>> = {},
  ): Promise<readonly Wire[]> {
    const { library } = await this.#start();
    return library.callUntil(this.guest.signal, name, args, options);
  }

  /** A named pipe in the private folder. */
  async pipe(name: string): Promise<string> {
    const { library } = await this.#start();
    const path = join(library.folder, name);
    await library.call('+fifo', [path]);
    return path;
  }

  /** What a device of the session is called in the appliance. */
  async nameOf(device: string): Promise<string> {
    const { names, library } = await this.#start();
    const known = names.get(device);
    if (known !== undefined) return known;
    const own = this.guest.devices.find(({ name }) => name === device);
    const found = own?.kind === 'volume' && own.uuid !== undefined ? await arrayOf(library, own.uuid) : undefined;
    names.set(device, found ?? device);
    return found ?? device;
  }

  /** The same for `btrfsvol:DEVICE/SUBVOLUME`. */
  async mountableOf(mountable: string): Promise<string> {
    const [, device, rest] = /^btrfsvol:(\/dev\/[^/]+)(\/.*)$/s.exec(mountable) ?? [];
    if (device === undefined) return this.nameOf(mountable);
    return `btrfsvol:${await this.nameOf(device)}${rest}`;
  }

  /** Mount a device at a place of its own. @returns the place, to which paths are relative */
  async mount(device: string, type: string | undefined, options: readonly string[]): Promise<string> {
    const place = `/vmcraft${++this.#mountpoints}`;
    const source = await this.nameOf(device);
    await this.call('drop_caches', [3]);
    await this.call('mkmountpoint', [place]);
    try {
      const text = options.join(',');
      if (type === undefined) await this.call('mount_options', [text, source, place]);
      else await this.call('mount_vfs', [text, type, source, place]);
    } catch (error) {
      await this.call('rmmountpoint', [place]).catch(() => undefined);
      throw error;
    }
    return place;
  }

  /** Undo {@link mount}. Does nothing once the appliance has ended. */
  async umount(place: string): Promise<void> {
    const running = await this.#running?.catch(() => undefined);
    if (running?.library.alive !== true) return;
    await running.library.call('umount', [place]);
    await running.library.call('rmmountpoint', [place]);
  }

  async take(mounts: readonly BorrowedMount[]): Promise<void> {
    await this.call('drop_caches', [3]);
    for (const { source, path, options } of mounts) {
      await this.call('mount_options', [options, await this.mountableOf(source), path]);
    }
  }

  async giveBack(): Promise<void> {
    const running = await this.#running?.catch(() => undefined);
    if (running?.library.alive === true) await running.library.call('umount_all');
  }

  async settle(): Promise<void> {
    const running = await this.#running?.catch(() => undefined);
    if (running !== undefined) await running.library.call('sync');
  }

  /** Shut it down; everything that it wrote is on the devices then. */
  async close(): Promise<void> {
    const running = await this.#running?.catch(() => undefined);
    this.#running = undefined;
    if (running === undefined) return;
    const { library, server } = running;
    try {
      if (library.alive) await library.call('shutdown');
      await library.close();
    } finally {
      await library.kill();
      await server.close();
    }
  }

  #start(): Promise<Running> {
    this.#running ??= this.#launch().catch((error: unknown) => {
      this.#running = undefined;
      throw error;
    });
    return this.#running;
  }

  async #launch(): Promise<Running> {
    const host = await hostLibrary();
    if (typeof host === 'string') {
      throw new CapabilityError({
        capability: 'appliance',
        subject: 'this host',
        reason: absence(host),
        elsewhere: true,
      });
    }
    try {
      return await this.#boot(host);
    } catch (error) {
      if (!this.#blamesKvm(error)) throw error;
      this.guest.note('the appliance did not start; once more without KVM');
      return this.#boot(host, ['force_tcg']);
    }
  }

  /** KVM can be there and yet be of no use, in a container or a nested guest; qemu then ends at once. */
  #blamesKvm(error: unknown): boolean {
    const { backendSettings = [] } = this.guest.settings as { readonly backendSettings?: readonly string[] };
    const isLaunch = error instanceof HostError && error.data.operation === 'launch';
    return isLaunch && existsSync('/dev/kvm') && !backendSettings.includes('force_tcg');
  }

  async #boot(host: HostLibrary, moreSettings: readonly string[] = []): Promise<Running> {
    const { guest } = this;
    guest.note(`starting the appliance of libguestfs ${host.version}`);
    const started = performance.now();
    const library = Library.start(host.perl, { progress: () => undefined, note: (text) => guest.note(text) });
    let server: NbdServer | undefined;
    try {
      await configure(library, guest.settings, moreSettings);
      const { disks, names } = disksFor(guest.devices);
      const exports = [...disks].map(([name, device]) => ({ name, device, readonly: !device.writable }));
      // Only now: it leads to much that a session without an appliance has no use for.
      const { serveNbd } = await import('@vmcraft/backend-nbd');
      server = await serveNbd(exports, { listen: { socket: join(library.folder, 'nbd') }, background: true });
      for (const [name, device] of disks) await addDrive(library, name, device);
      await library.call('launch');
      guest.note(`the appliance is ready after ${Math.round(performance.now() - started)} ms`);
      return { library, server, names };
    } catch (error) {
      await library.kill();
      await server?.close();
      throw error;
    }
  }
}

/** Whole disks in their order, so that names are the same on both sides; then what only this process can open. */
function disksFor(devices: readonly GuestDevice[]): { disks: Map<string, BlockDevice>; names: Map<string, string> } {
  const byName = new Map(devices.map((device) => [device.name, device]));
  const disks = new Map<string, BlockDevice>();
  const names = new Map<string, string>();
  const add = ({ name, device }: GuestDevice): void => {
    names.set(name, diskName(disks.size));
    disks.set(`disk${disks.size}`, device);
  };
  for (const device of devices) if (device.kind === 'disk') add(device);
  for (const device of devices) {
    if (device.kind !== 'volume') continue;
    if (device.parents.some((parent) => isContainer(byName.get(parent)?.memberType))) add(device);
  }
  return { disks, names };
}

/** The n-th disk as Linux names it: sda … sdz, sdaa … */
function diskName(index: number): string {
  const A = 97;
  const letters = 26;
  let name = '';
  for (let n = index; n >= 0; n = Math.floor(n / letters) - 1) name = String.fromCharCode(A + (n % letters)) + name;
  return `/dev/sd${name}`;
}

async function addDrive(library: Library, name: string, device: BlockDevice): Promise<void> {
  await library.call('add_drive', [name], {
    format: 'raw',
    protocol: 'nbd',
    server: [`unix:${join(library.folder, 'nbd')}`],
    // The library then puts an overlay of its own on it, so that a journal can be replayed without changing anything.
    ...(device.writable ? {} : { readonly: true }),
    ...(device.sectorSize === 512 ? {} : { blocksize: device.sectorSize }),
  });
}

/** Settings of the session's handle that differ from their defaults; the variables LIBGUESTFS_… have been read by the library. */
async function configure(
  library: Library,
  settings: Readonly<Record<string, unknown>>,
  more: readonly string[],
): Promise<void> {
  await library.call('set_tmpdir', [library.folder]);
  if (process.env.LIBGUESTFS_BACKEND === undefined) await library.call('set_backend', ['direct']);
  for (const [key, usual, setter] of SETTINGS) {
    const value = settings[key];
    if (value === undefined || JSON.stringify(value) === JSON.stringify(usual)) continue;
    await library.call(setter, [value as Argument]);
  }
  if (more.length > 0) {
    const given = (settings.backendSettings ?? []) as readonly string[];
    await library.call('set_backend_settings', [[...given, ...more]]);
  }
}

/** Settings that an appliance understands, with their defaults. */
const SETTINGS: readonly (readonly [string, Argument, string])[] = [
  ['append', null, 'set_append'],
  ['backendSettings', [], 'set_backend_settings'],
  ['cachedir', null, 'set_cachedir'],
  ['hv', '', 'set_hv'],
  ['memsize', 1280, 'set_memsize'],
  ['network', false, 'set_network'],
  ['path', null, 'set_path'],
  ['smp', 1, 'set_smp'],
  ['verbose', false, 'set_verbose'],
];

/** The md array with a UUID: Linux numbers arrays as they come up. */
async function arrayOf(library: Library, uuid: string): Promise<string | undefined> {
  const hex = (text: string): string => text.replaceAll(/[^0-9a-f]/gi, '').toLowerCase();
  const [arrays] = [await library.call('list_md_devices')];
  for (const array of arrays) {
    const details = await library.call('md_detail', [asText(array)]);
    const at = details.findIndex((key) => asText(key) === 'uuid');
    if (at >= 0 && hex(asText(details[at + 1])) === hex(uuid)) return asText(array);
  }
  return undefined;
}

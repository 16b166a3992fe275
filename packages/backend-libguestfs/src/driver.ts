import {
  type Availability,
  type BlockDevice,
  CapabilityError,
  type FileSystem,
  type FsDriver,
  type FsIdentity,
  type FsOpenOptions,
  type FsSignature,
  HostError,
  isVmcraftError,
  UsageError,
} from '@vmcraft/core';
import { type Appliance, applianceOf } from './appliance.js';
import { ApplianceFileSystem } from './filesystem.js';
import { libraryAvailability } from './host.js';
import { asText } from './library.js';
import { statOf } from './stat.js';

/** Mounts file systems in the appliance: what its kernel and its FUSE drivers can, this can. */
export class ApplianceDriver implements FsDriver {
  readonly name = 'libguestfs';

  available(): Promise<Availability> {
    return libraryAvailability();
  }

  /** Recognising is left to signatures: an appliance takes seconds to start. */
  async probe(): Promise<FsSignature | undefined> {
    return undefined;
  }

  async open(device: BlockDevice, options: FsOpenOptions): Promise<FileSystem> {
    const { guest, deviceName, mountOptions = [] } = options;
    const isKnown = guest?.devices.some(({ name }) => name === deviceName);
    if (guest === undefined || deviceName === undefined || (isKnown !== true && !deviceName.startsWith('btrfsvol:'))) {
      throw new CapabilityError({
        capability: 'mount',
        subject: 'libguestfs',
        reason: 'it mounts devices of a guest only',
      });
    }
    const readonly = options.readonly || !device.writable;
    const appliance = applianceOf(guest);
    const name = deviceName.replace(/^btrfsvol:(\/dev\/[^/]+)\/.*$/s, '$1');
    // Reading must not change times of access.
    const words = [readonly ? 'ro' : 'rw', 'noatime', ...mountOptions.filter((option) => option !== '')];
    const place = await appliance.mount(name, undefined, words).catch((error: unknown) => {
      throw mountError(name, error);
    });
    try {
      const identity = await identify(appliance, name);
      const root = statOf(await appliance.call('lstatns', [place]));
      return new ApplianceFileSystem(appliance, place, device, identity, readonly, root);
    } catch (error) {
      await appliance.umount(place).catch(() => undefined);
      throw error;
    }
  }
}

async function identify(appliance: Appliance, device: string): Promise<FsIdentity> {
  const source = await appliance.nameOf(device);
  const ask = async (name: string): Promise<string> => asText((await appliance.call(name, [source]))[0]);
  const [type, label, uuid] = [await ask('vfs_type'), await ask('vfs_label'), await ask('vfs_uuid')];
  return { type, driver: 'libguestfs', ...(label === '' ? {} : { label }), ...(uuid === '' ? {} : { uuid }) };
}

/** What mount(8) says is about the device, not about our call. */
function mountError(device: string, error: unknown): unknown {
  if (!isVmcraftError(error) || error instanceof CapabilityError || error instanceof UsageError) return error;
  if (error.code === 'VMC_ABORTED') return error;
  return new HostError({ path: device, operation: 'mount in the appliance', reason: error.message }, error);
}

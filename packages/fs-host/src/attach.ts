import { type BlockDevice, CapabilityError } from '@vmcraft/core';
import { Attachment } from './attachment.js';
import { HostHelper } from './helper.js';
import { hostMeans } from './requirements.js';

/** How to attach. */
export interface AttachOptions {
  /** Whether the host may only read; true unless given. */
  readonly readonly?: boolean;
}

/** A device of a guest that is a block device of this host, until it is closed or this process ends in whatever way. */
export interface AttachedDevice extends AsyncDisposable {
  /** `/dev/nbd0`, `/dev/loop0`. */
  readonly path: string;
  readonly readonly: boolean;
  /** Detach. What the host wrote has reached the device then; whether it is kept is a matter of the session it came from. */
  close(): Promise<void>;
}

/**
 * Make a device of a guest a block device of this host: by kernel nbd where it is loaded, else by `qemu-storage-daemon` and a loop device,
 * or by a loop device alone where the bytes lie plainly in a file and are only read.
 *
 * The host looks inside what is attached: udev reads signatures, and may activate volume groups and arrays. So attach finished volumes
 * (`/dev/vg/root`), not disks.
 * @param device stays open until the attached device is closed; whole sectors
 * @throws CapabilityError when this host has no way or this user may not, HostError when it fails
 */
export async function attach(device: BlockDevice, { readonly = true }: AttachOptions = {}): Promise<AttachedDevice> {
  const means = await hostMeans();
  if ('lack' in means) throw refused(means.remedy === undefined ? means.lack : `${means.lack} (${means.remedy})`);
  if (means.mode === 'user') throw refused('devices of this host need root');
  const helper = await HostHelper.start(means);
  try {
    return new Attached(await Attachment.attach(device, helper, readonly), helper, readonly || !device.writable);
  } catch (error) {
    await helper.close();
    throw error;
  }
}

const refused = (reason: string): CapabilityError =>
  new CapabilityError({ capability: 'attach', subject: 'this host', reason });

class Attached implements AttachedDevice {
  constructor(
    private readonly attachment: Attachment,
    private readonly helper: HostHelper,
    readonly readonly: boolean,
  ) {}

  get path(): string {
    return this.attachment.path;
  }

  async close(): Promise<void> {
    try {
      await this.attachment.close();
    } finally {
      await this.helper.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

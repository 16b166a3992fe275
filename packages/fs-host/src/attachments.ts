import type { BlockDevice } from '@vmcraft/core';
import { Attachment } from './attachment.js';
import type { HostHelper } from './helper.js';

interface Shared {
  readonly attachment: Promise<Attachment>;
  users: number;
}

/**
 * What is attached in one helper. A device is attached once, however many mounts use it: to the kernel, two devices with the same Btrfs are a
 * file system and its copy, and it mounts neither.
 */
export class Attachments {
  readonly #shared = new Map<BlockDevice, Shared>();

  constructor(private readonly helper: HostHelper) {}

  /** @throws HostError when it cannot be attached; nothing of `devices` is then */
  async acquire(devices: readonly BlockDevice[], readonly: boolean): Promise<readonly Attachment[]> {
    const found: Attachment[] = [];
    try {
      for (const device of devices) found.push(await this.#one(device, readonly));
      return found;
    } catch (error) {
      await this.release(devices.slice(0, found.length));
      throw error;
    }
  }

  async #one(device: BlockDevice, readonly: boolean): Promise<Attachment> {
    let shared = this.#shared.get(device);
    if (shared === undefined) {
      shared = { attachment: Attachment.attach(device, this.helper, readonly), users: 0 };
      this.#shared.set(device, shared);
    }
    shared.users += 1;
    try {
      return await shared.attachment;
    } catch (error) {
      if (--shared.users === 0) this.#shared.delete(device);
      throw error;
    }
  }

  /** Their mounts are gone. Everything written has reached a device when its last user has released it. */
  async release(devices: readonly BlockDevice[]): Promise<void> {
    const errors: unknown[] = [];
    for (const device of devices) {
      const shared = this.#shared.get(device);
      if (shared === undefined || --shared.users > 0) continue;
      this.#shared.delete(device);
      await shared.attachment.then((attachment) => attachment.close()).catch((error: unknown) => errors.push(error));
    }
    if (errors.length > 0) throw errors[0];
  }
}

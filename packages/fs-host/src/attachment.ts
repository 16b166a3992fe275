import { join } from 'node:path';
import { type NbdServer, serveNbd } from '@vmcraft/backend-nbd';
import { type BlockDevice, HostError, hasHostPath } from '@vmcraft/core';
import type { HostHelper } from './helper.js';

let count = 0;

/** A device of the guest as a device of this host, as long as the helper lives. */
export class Attachment {
  #closing: Promise<void> | undefined;

  private constructor(
    readonly id: string,
    /** `/dev/nbd0`, `/dev/loop0`, or a file where there is no root to make a loop device. */
    readonly path: string,
    private readonly helper: HostHelper,
    private readonly server: NbdServer | undefined,
  ) {}

  /**
   * Attach a volume. It is served by this process, so that whatever the kernel writes goes through the transaction of the session;
   * only what is read and lies plainly in a host file is attached straight.
   * @throws HostError when the host has no way, or it fails
   */
  static async attach(device: BlockDevice, helper: HostHelper, readonly: boolean): Promise<Attachment> {
    const id = String(++count);
    const isReadonly = readonly || !device.writable;
    const common = { attachment: id, readonly: isReadonly, size: device.size, sector: device.sectorSize };
    if (device.size === 0 || device.size % device.sectorSize !== 0) {
      const reason = `its size of ${device.size} bytes is not a number of sectors`;
      throw new HostError({ path: 'device', operation: 'attach', errno: 'EINVAL', reason });
    }
    if (isReadonly && hasHostPath(device) && !device.writable && helper.means.mode === 'root') {
      const { result } = await helper.request<string>('attach', {
        ...common,
        way: 'file',
        file: device.hostPath,
        offset: device.hostOffset,
      });
      return new Attachment(id, result, helper, undefined);
    }
    const socket = join(helper.folder, `nbd-${id}`);
    const server = await serveNbd([{ name: '', device, readonly: isReadonly }], { listen: { socket } });
    try {
      const { way, storageDaemon, mode } = helper.means;
      const parameters = { ...common, way, socket, program: storageDaemon, loop: mode === 'root' };
      const { result } = await helper.request<string>('attach', parameters);
      return new Attachment(id, result, helper, server);
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** Detach: everything written has reached the device then. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      try {
        await this.helper.request('detach', { attachment: this.id });
      } finally {
        await this.server?.close();
      }
    })();
    return this.#closing;
  }
}

import type { BlockDevice, TransactionHost } from '../../contracts/index.js';
import { HostError, messageOf, UsageError } from '../../errors/index.js';
import { FileDevice } from '../file-device.js';
import { applyChanges, changesOf } from './apply.js';
import { DeviceFile } from './device-file.js';
import { Overlay } from './overlay.js';
import { ImageHandle, SharedImage } from './shared-image.js';
import type { CommitSummary, TransactionOptions } from './transactional-files.js';

/**
 * Writes to a device that is on another machine, held back until the commit. There is no host file beside which a journal could lie, so
 * the commit is not atomic: when the connection or this process ends while changes are applied, a part of them is there. Rolling back
 * and dry runs are exact.
 */
export class RemoteDevice {
  /** Reads and writes of it stay in the overlay until the commit. */
  readonly device: BlockDevice;
  readonly #image: SharedImage;
  readonly #dryRun: boolean;

  private constructor(image: SharedImage, sectorSize: number, dryRun: boolean) {
    this.#image = image;
    this.#dryRun = dryRun;
    const handle = new ImageHandle(image, true, async () => {});
    this.device = new FileDevice(handle, { sectorSize: sectorSize === 4096 ? 4096 : 512 });
  }

  /**
   * @param device closed by `close`
   * @param name of the device in messages, its URI
   */
  static async open(
    device: BlockDevice,
    name: string,
    host: Pick<TransactionHost, 'scratch'>,
    options: TransactionOptions = {},
  ): Promise<RemoteDevice> {
    const file = new DeviceFile(device, undefined, name);
    const budget = { limit: options.memoryLimit ?? 12 * 1024 * 1024, used: 0 };
    const image = new SharedImage(
      file,
      new Overlay(file, budget, () => host.scratch()),
      undefined,
      await file.identity(),
    );
    return new RemoteDevice(image, device.sectorSize, options.dryRun === true);
  }

  /** Apply what was held back. After a failure it can be called again. @throws HostError */
  commit(): Promise<CommitSummary> {
    const { overlay, base, path } = this.#image;
    return overlay.exclusive(async () => {
      if (!overlay.isDirty || this.#dryRun) return { committed: false, images: [] };
      const participant = this.#image.participant('');
      try {
        await applyChanges(base, participant, changesOf(participant));
      } catch (error) {
        const reason = `${messageOf(error)}; a part of the changes may be there, committing again completes them`;
        this.#image.unfinished = new HostError({ path, operation: 'apply', reason }, error);
        throw this.#image.unfinished;
      }
      this.#image.unfinished = undefined;
      await overlay.clear();
      return { committed: true, images: [path] };
    });
  }

  /** Drop all changes since the last commit. @throws UsageError when applying them has begun */
  rollback(): Promise<void> {
    if (this.#image.unfinished !== undefined) throw new UsageError('a part of the changes is already there');
    return this.#image.overlay.exclusive(() => this.#image.overlay.clear());
  }

  /** Drop what is not committed and close the device below. */
  async close(): Promise<void> {
    await this.#image.close();
  }
}

import type { BlockDevice, ImageLock, TransactionHost } from '../../contracts/index.js';
import { HostError, messageOf, UsageError } from '../../errors/index.js';
import { FileDevice } from '../file-device.js';
import { applyChanges, changesOf } from './apply.js';
import { commitJournal } from './commit.js';
import { DeviceFile } from './device-file.js';
import { JOURNAL_KIND } from './journal-layout.js';
import { JournalPlace } from './journal-place.js';
import { Overlay } from './overlay.js';
import { finish, type RecoveryContext, recoverDevice } from './recovery.js';
import { ImageHandle, SharedImage } from './shared-image.js';
import type { CommitSummary, TransactionOptions } from './transactional-files.js';

/**
 * A transaction over a device whose image another program writes (qemu-nbd): the journal beside the image holds ranges of the *device*,
 * and is replayed through the same kind of backend. Its commit point is its own: it is not one with that of a {@link TransactionalFiles}.
 *
 * @example
 * const writing = await TransactionalDevice.open(nbdDevice, '/images/disk.vhdx', host);
 * await edit(writing.device);
 * await writing.commit();
 */
export class TransactionalDevice {
  /** Reads and writes of it stay in the overlay until the commit. */
  readonly device: BlockDevice;
  readonly #image: SharedImage;
  readonly #context: RecoveryContext;
  readonly #dryRun: boolean;
  #journalPath: string | undefined;

  private constructor(image: SharedImage, context: RecoveryContext, options: TransactionOptions, sectorSize: number) {
    this.#image = image;
    this.#context = context;
    this.#dryRun = options.dryRun === true;
    const handle = new ImageHandle(image, true, async () => {});
    this.device = new FileDevice(handle, { sectorSize: sectorSize === 4096 ? 4096 : 512 });
  }

  /**
   * Begin, after finishing a committed transaction that an earlier process left.
   * @param device writes through its backend at once; closed by `close`
   * @param imagePath the image file that the backend writes, for the journal's place
   * @throws CorruptImageError when a journal is damaged or foreign; LockedError when another VMCraft writes the image
   */
  static async open(
    device: BlockDevice,
    imagePath: string,
    host: TransactionHost,
    options: TransactionOptions = {},
  ): Promise<TransactionalDevice> {
    const path = await host.realPath(imagePath);
    const place = new JournalPlace(host, options.journalFolder);
    const warn = options.warn ?? (() => {});
    const context = { host, place, warn, stale: options.staleJournal ?? 'refuse' } as const;
    // The program that serves the device holds kernel locks on the image itself: only other VMCraft processes matter here.
    const lock = options.dryRun === true ? undefined : await host.lock(path, { required: true, ownOnly: true });
    return TransactionalDevice.#begin(new DeviceFile(device, host, path), lock, context, options, device.sectorSize);
  }

  static async #begin(
    file: DeviceFile,
    lock: ImageLock | undefined,
    context: RecoveryContext,
    options: TransactionOptions,
    sectorSize: number,
  ): Promise<TransactionalDevice> {
    try {
      if (options.dryRun !== true) await recoverDevice(context, file);
      const budget = { limit: options.memoryLimit ?? 8 * 1024 * 1024, used: 0 };
      const overlay = new Overlay(file, budget, () => context.host.scratch());
      const image = new SharedImage(file, overlay, lock, await file.identity());
      return new TransactionalDevice(image, context, options, sectorSize);
    } catch (error) {
      await lock?.release();
      throw error;
    }
  }

  /** As {@link TransactionalFiles.commit}, for this device alone. */
  commit(): Promise<CommitSummary> {
    const { overlay } = this.#image;
    return overlay.exclusive(async () => {
      if (!overlay.isDirty || this.#dryRun) return { committed: false, images: [] };
      if (this.#journalPath === undefined) {
        await this.#image.lock?.verify();
        this.#image.identity = await this.#image.base.identity();
        const { host, place } = this.#context;
        const committed = await commitJournal(host, place, [this.#image.participant('')], JOURNAL_KIND.device);
        this.#journalPath = committed.journalPath;
      }
      await this.#apply(this.#journalPath);
      return { committed: true, images: [this.#image.path] };
    });
  }

  async #apply(journalPath: string): Promise<void> {
    const participant = this.#image.participant('');
    try {
      await applyChanges(this.#image.base, participant, changesOf(participant));
    } catch (error) {
      const reason = `${messageOf(error)}; the changes are safe in this journal and are applied by the next commit or opening`;
      this.#image.unfinished = new HostError({ path: journalPath, operation: 'apply', reason }, error);
      throw this.#image.unfinished;
    }
    await finish(this.#context, journalPath, []);
    this.#journalPath = undefined;
    this.#image.unfinished = undefined;
    await this.#image.overlay.clear();
  }

  /** Drop all changes since the last commit. */
  rollback(): Promise<void> {
    if (this.#journalPath !== undefined) throw new UsageError('the transaction is already committed');
    return this.#image.overlay.exclusive(() => this.#image.overlay.clear());
  }

  /** Drop what is not committed and close the device below. */
  async close(): Promise<void> {
    await this.#image.close();
  }
}

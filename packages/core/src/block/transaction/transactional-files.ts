import type {
  HostFile,
  HostFileIdentity,
  HostFileOptions,
  HostFiles,
  HostStat,
  ImageLock,
  TransactionHost,
  WarningSink,
} from '../../contracts/index.js';
import { CapabilityError, HostError, messageOf, UsageError } from '../../errors/index.js';
import { applyChanges, changesOf } from './apply.js';
import { commitJournal } from './commit.js';
import { JournalPlace } from './journal-place.js';
import type { Participant } from './journal-writer.js';
import { type MemoryBudget, Overlay } from './overlay.js';
import { belongs, findJournal, finish, type RecoveryContext, recover, type StaleJournalPolicy } from './recovery.js';
import { ReplayedFile } from './replayed-file.js';
import { ImageHandle, SharedImage } from './shared-image.js';

/** How a transaction works. */
export interface TransactionOptions {
  /** Changes kept in memory, bytes; what goes beyond is in a private temporary file. 8 MiB unless given. */
  readonly memoryLimit?: number;
  /** Change nothing on the host, ever: images are opened for reading and `commit` does nothing. */
  readonly dryRun?: boolean;
  /** Write straight through, without a transaction: for bulk work on images that may be thrown away. */
  readonly writeThrough?: boolean;
  /** Folder of the journals; beside each image unless given. Needed for block devices. */
  readonly journalFolder?: string;
  /** `refuse` unless given. */
  readonly staleJournal?: StaleJournalPolicy;
  readonly warn?: WarningSink;
}

/** What a commit did. */
export interface CommitSummary {
  /** False when nothing was changed, or in a dry run. */
  readonly committed: boolean;
  /** Paths of the changed images. */
  readonly images: readonly string[];
}

/**
 * The host's files with a transaction over all that is opened for writing. Changes stay in an overlay until {@link commit}, which
 * brings all images of the guest to their new state at one point; whatever interrupts it, every image is afterwards as before or as
 * committed, once it is opened again. See docs/adr/0002-transactions.md.
 */
export class TransactionalFiles implements HostFiles {
  readonly #host: TransactionHost;
  readonly #options: TransactionOptions;
  readonly #context: RecoveryContext;
  readonly #budget: MemoryBudget;
  readonly #images = new Map<string, SharedImage>();
  #queue: Promise<unknown> = Promise.resolve();
  /** Images of a transaction whose commit point is passed but which are not all applied. */
  #unfinished: { readonly images: readonly SharedImage[]; readonly journalPath: string } | undefined;

  constructor(host: TransactionHost, options: TransactionOptions = {}) {
    this.#host = host;
    this.#options = options;
    this.#budget = { limit: options.memoryLimit ?? 8 * 1024 * 1024, used: 0 };
    this.#context = {
      host,
      place: new JournalPlace(host, options.journalFolder),
      stale: options.staleJournal ?? 'refuse',
      warn: options.warn ?? (() => {}),
    };
  }

  /** Whether there is anything to commit. */
  get isDirty(): boolean {
    return [...this.#images.values()].some((image) => image.overlay.isDirty);
  }

  open(path: string, options: HostFileOptions): Promise<HostFile> {
    return this.#exclusive(() => this.#open(path, options));
  }

  async stat(path: string): Promise<HostStat | undefined> {
    const stat = await this.#host.stat(path);
    const image = stat === undefined ? undefined : this.#images.get(await this.#host.realPath(path));
    return image === undefined ? stat : { ...stat!, size: image.overlay.size };
  }

  resolveReference(imagePath: string, reference: string): Promise<string> {
    return this.#host.resolveReference(imagePath, reference);
  }

  async siblings(imagePath: string, limit: number): Promise<readonly string[]> {
    return (await this.#host.siblings?.(imagePath, limit)) ?? [];
  }

  async #open(path: string, options: HostFileOptions): Promise<HostFile> {
    const exists = (await this.#host.stat(path)) !== undefined;
    // A file that is new has no state before to come back to.
    if (options.create !== undefined && (!exists || options.create === 'exclusive')) return this.#create(path, options);
    const real = exists ? await this.#host.realPath(path) : path;
    const known = this.#images.get(real);
    if (known !== undefined) return this.#handle(known, options.writable);
    if (!options.writable) return this.#openToRead(real);
    if (this.#options.writeThrough === true) return this.#openDirect(real, options);
    const image = await this.#openToChange(real, options);
    this.#images.set(real, image);
    const handle = this.#handle(image, true);
    if (options.create === 'truncate') await handle.truncate(0);
    return handle;
  }

  #create(path: string, options: HostFileOptions): Promise<HostFile> {
    if (this.#options.dryRun !== true) return this.#host.open(path, options);
    throw new CapabilityError({ capability: 'create files', subject: path, reason: 'this is a dry run' });
  }

  #handle(image: SharedImage, writable: boolean): ImageHandle {
    return new ImageHandle(image, writable, () => this.#exclusive(() => this.#releaseIdle()));
  }

  /** As a committed journal will make it, if there is one. */
  async #openToRead(path: string): Promise<HostFile> {
    const base = await this.#host.open(path, { writable: false });
    try {
      const pending = await findJournal(this.#context, path);
      if (pending === undefined) return base;
      if (await belongs(this.#context, pending, base)) return new ReplayedFile(base, pending.journal, pending.file);
      await pending.journal.close();
      return base;
    } catch (error) {
      await base.close();
      throw error;
    }
  }

  async #openToChange(path: string, options: HostFileOptions): Promise<SharedImage> {
    if (this.#options.dryRun === true) {
      const base = await this.#openToRead(path);
      return this.#share(base, undefined);
    }
    await this.#requireJournalFolder(path);
    const lock = await this.#lock(path, options, this.#options.journalFolder === undefined);
    try {
      await recover(this.#context, path);
      return await this.#share(await this.#host.open(path, { ...options, create: undefined, writable: true }), lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async #share(base: HostFile, lock: ImageLock | undefined): Promise<SharedImage> {
    const overlay = new Overlay(base, this.#budget, () => this.#host.scratch());
    return new SharedImage(base, overlay, lock, await base.identity());
  }

  async #openDirect(path: string, options: HostFileOptions): Promise<HostFile> {
    const lock = await this.#lock(path, options, false);
    try {
      await recover(this.#context, path);
      const file = await this.#host.open(path, options);
      const close = file.close.bind(file);
      file.close = async () => {
        await close();
        await lock.release();
      };
      return file;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  #lock(path: string, options: HostFileOptions, required: boolean): Promise<ImageLock> {
    return this.#host.lock(path, { required, ignoreLocks: options.ignoreLocks === true });
  }

  async #requireJournalFolder(path: string): Promise<void> {
    const stat = await this.#host.stat(path);
    if (stat?.kind !== 'block-device' || this.#options.journalFolder !== undefined) return;
    const reason = 'a journal cannot lie beside a block device: name a journal folder, or write without a transaction';
    throw new CapabilityError({ capability: 'transactions', subject: path, reason });
  }

  /**
   * Bring every changed image to its new state, at one point for all of them. When it throws before that point, nothing has changed and
   * it may be called again. When applying fails after it, the transaction is committed: the journal stays and is finished by calling
   * `commit` again or by the next opening.
   * @throws LockedError when another program changed or locked an image meanwhile
   * @throws HostError, for example with errno `ENOSPC`
   */
  commit(): Promise<CommitSummary> {
    return this.#exclusive(() => this.#commit());
  }

  async #commit(): Promise<CommitSummary> {
    if (this.#unfinished !== undefined) return this.#complete();
    const images = [...this.#images.values()].filter((image) => image.overlay.isDirty);
    if (images.length === 0 || this.#options.dryRun === true) {
      await this.#releaseIdle();
      return { committed: false, images: [] };
    }
    return frozen(images, async () => {
      for (const image of images) await image.verify((await this.#host.stat(image.path))?.identity);
      const participants = this.#participants(images);
      const { journalPath } = await commitJournal(this.#host, this.#context.place, participants);
      this.#unfinished = { images, journalPath };
      return this.#complete(true);
    });
  }

  #participants(images: readonly SharedImage[]): Participant[] {
    const folder = this.#host.folderOf(this.#context.place.pathOf(images[0]!.path));
    return images.map((image) => {
      const beside = this.#host.folderOf(image.path) === folder;
      return image.participant(beside ? this.#host.nameOf(image.path) : '');
    });
  }

  /** Apply a transaction whose commit point is passed. */
  async #complete(held = false): Promise<CommitSummary> {
    const { images, journalPath } = this.#unfinished!;
    const work = async (): Promise<HostFileIdentity[]> => {
      for (const image of images) {
        const participant = image.participant('');
        await applyChanges(image.base, participant, changesOf(participant));
      }
      return Promise.all(images.map((image) => image.base.identity()));
    };
    let identities: HostFileIdentity[];
    try {
      identities = await (held ? work() : frozen(images, work));
    } catch (error) {
      throw this.#markUnfinished(images, journalPath, error);
    }
    await finish(
      this.#context,
      journalPath,
      images.map((image) => image.path),
    ).catch((error: unknown) => {
      this.#context.warn({
        source: 'transaction',
        message: `${journalPath} is done with but stays: ${messageOf(error)}`,
      });
    });
    this.#unfinished = undefined;
    for (const [i, image] of images.entries()) {
      image.unfinished = undefined;
      image.identity = identities[i]!;
      await image.overlay.clear();
    }
    await this.#releaseIdle();
    return { committed: true, images: images.map((image) => image.path) };
  }

  #markUnfinished(images: readonly SharedImage[], journalPath: string, cause: unknown): HostError {
    const errno = cause instanceof HostError ? cause.data.errno : undefined;
    const reason = `${messageOf(cause)}; the changes are safe in this journal and are applied by the next commit or opening`;
    const details = { path: journalPath, operation: 'apply', reason };
    const error = new HostError(typeof errno === 'string' ? { ...details, errno } : details, cause);
    for (const image of images) image.unfinished = error;
    return error;
  }

  /**
   * Drop all changes since the last commit. Handles stay open and show the images as they are; whatever was cached above them is void.
   * @throws UsageError when the commit point is already passed
   */
  rollback(): Promise<void> {
    return this.#exclusive(async () => {
      if (this.#unfinished !== undefined) throw new UsageError('the transaction is already committed');
      for (const image of this.#images.values()) await image.overlay.exclusive(() => image.overlay.clear());
      await this.#releaseIdle();
    });
  }

  /** Drop what is not committed and let go of all images. May be called twice. */
  close(): Promise<void> {
    return this.#exclusive(async () => {
      this.#unfinished = undefined;
      const images = [...this.#images.values()];
      this.#images.clear();
      const results = await Promise.allSettled(images.map((image) => image.overlay.exclusive(() => image.close())));
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    });
  }

  /** Close images that nobody has open and that have nothing to commit. */
  async #releaseIdle(): Promise<void> {
    for (const [path, image] of this.#images) {
      if (image.handles > 0 || image.overlay.isDirty) continue;
      this.#images.delete(path);
      await image.close();
    }
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

/** Run `work` while no image can change. */
function frozen<T>(images: readonly SharedImage[], work: () => Promise<T>): Promise<T> {
  const [first, ...rest] = images;
  return first === undefined ? work() : first.overlay.exclusive(() => frozen(rest, work));
}

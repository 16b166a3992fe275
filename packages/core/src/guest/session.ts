import type {
  BlockDevice,
  Closable,
  FileSystem,
  HostPlatform,
  ImageInfo,
  OperatingSystem,
  ProviderChoice,
  TreeBorrower,
  Warning,
  WarningSink,
} from '../contracts/index.js';
import { AbortedError, FsError, UsageError } from '../errors/index.js';
import { Inspection } from '../inspect/index.js';
import { type DiscoveredDevice, StorageTree } from '../storage/index.js';
import { Vfs } from '../vfs/index.js';
import type { AnyAction } from './action.js';
import { GuestCommands } from './commands.js';
import { closeDrives, type Drive, guardUnknownRaw, type OpenDrive, openDrives } from './drives.js';
import { EventHub } from './events.js';
import { OpenFilesystems } from './filesystems.js';
import { SessionLink } from './guest-link.js';
import { SessionKeys } from './key-store.js';
import { GuestMounts } from './mounts.js';
import { type PerformanceMetrics, PhaseClock } from './performance.js';
import type { FilesystemSupport, SessionServices } from './services.js';
import { defaultSettings, type SessionSettings } from './settings.js';
import { listedSubvolumes } from './subvolumes.js';
import { TreeLoan } from './tree-loan.js';

/** How a session behaves. */
export interface SessionOptions {
  /** Never commit: everything written is dropped at the end. */
  readonly dryRun?: boolean;
}

/** `config` until launch, `ready` while disks are open, `closed` at the end. */
export type SessionState = 'config' | 'ready' | 'closed';

/** What there is while disks are open. */
interface Opened {
  readonly drives: readonly OpenDrive[];
  readonly storage: StorageTree;
  readonly filesystems: OpenFilesystems;
  readonly mounts: GuestMounts;
  readonly vfs: Vfs;
  readonly link: SessionLink;
  inspection: Inspection | undefined;
}

/** One guest: its drives, devices, mounts and settings. Actions work on it; it commits what they wrote. */
export class Session implements Closable {
  readonly settings: SessionSettings;
  readonly events = new EventHub();
  readonly keys = new SessionKeys();
  readonly commands = new GuestCommands(this);
  readonly clock: PhaseClock;
  readonly drives: Drive[] = [];
  readonly warnings: Warning[] = [];
  /** Optional groups of functions that plugins add, besides those that come with the core. */
  readonly features = new Set<string>();
  /** Actions of plugins that stand in for those that cannot be done in this process, by name. */
  readonly alternatives = new Map<string, AnyAction>();
  /** Which providers were chosen, and why. */
  readonly choices: ProviderChoice[] = [];
  readonly dryRun: boolean;
  readonly warn: WarningSink = (warning) => {
    this.warnings.push(warning);
    this.events.emit('warning', warning);
  };
  #state: SessionState = 'config';
  #opened: Opened | undefined;
  #closing: Promise<void> | undefined;
  #abort = new AbortController();
  readonly #loan = new TreeLoan(this);
  /** Ends when all calls so far have; calls run one after the other, as on a guestfs handle. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(
    readonly services: SessionServices,
    options: SessionOptions = {},
  ) {
    this.dryRun = options.dryRun === true;
    this.settings = defaultSettings(services.platform.process.program);
    this.clock = new PhaseClock(services.metrics);
    services.onChoice = (choice) => this.noteChoice(choice);
  }

  /** Remember a choice, and tell those who want to know. */
  noteChoice(choice: ProviderChoice): void {
    this.choices.push(choice);
    const { kind, subject, provider, reason, passedOver } = choice;
    const others = passedOver.map((o) => `${o.name} ${o.reason}`).join('; ');
    this.events.emit('library', `${subject}: ${kind} ${provider}: ${reason}${others === '' ? '' : ` (${others})`}`);
  }

  get state(): SessionState {
    return this.#state;
  }

  get platform(): HostPlatform {
    return this.services.platform;
  }

  /** Fires when the caller cancels the running action. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** @throws UsageError before launch or after close */
  get opened(): Opened {
    if (this.#opened === undefined) {
      const when = this.#state === 'closed' ? 'the session is closed' : 'call launch before using this function';
      throw new UsageError(when, { hint: "in the shell, use the 'run' command" });
    }
    return this.#opened;
  }

  get vfs(): Vfs {
    return this.opened.vfs;
  }

  get mounts(): GuestMounts {
    return this.opened.mounts;
  }

  get storage(): StorageTree {
    return this.opened.storage;
  }

  /** Add a drive. @throws UsageError after launch */
  addDrive(drive: Drive): void {
    this.requireConfig('adding drives');
    this.drives.push(drive);
  }

  /** @throws UsageError when disks are open already */
  requireConfig(what: string): void {
    if (this.#state !== 'config') throw new UsageError(`${what} is only possible before launch`);
  }

  /** Open the drives and find what is on them. */
  async launch(): Promise<void> {
    this.requireConfig('launch');
    if (this.drives.length === 0) throw new UsageError('no drives were added', { hint: 'add one with add_drive' });
    const drives = await this.clock.time('open', () => openDrives(this.drives, this.services, this.warn, this.keys));
    try {
      const storage = await this.clock.time('discover', () => this.#discover(drives));
      const link = new SessionLink(this, storage);
      const filesystems = new OpenFilesystems(
        this.services,
        this.warn,
        (name) => this.device(name),
        () => storage.devices,
        link,
      );
      const vfs = new Vfs();
      const mounts = new GuestMounts(vfs, filesystems, this.clock);
      this.#opened = { drives, storage, filesystems, mounts, vfs, link, inspection: undefined };
    } catch (error) {
      await closeDrives(drives).catch(() => undefined);
      throw error;
    }
    this.#state = 'ready';
    this.events.emit('launch_done', undefined);
  }

  async #discover(drives: readonly OpenDrive[]): Promise<StorageTree> {
    const { ciphers } = this.platform;
    const options = {
      activators: this.services.deferredActivators?.() ?? (await this.services.storageActivators()),
      keys: this.keys,
      warn: this.warn,
      ...(ciphers === undefined ? {} : { ciphers }),
    };
    const disks = drives.map(({ device, drive }) => {
      const { label } = drive.spec;
      return label === undefined ? { device } : { device, label };
    });
    const tree = await StorageTree.discover(disks, options);
    const found = tree.devices.filter((d) => d.kind === 'disk');
    const guarded = disks.map((disk, i) => {
      const known =
        found[i]?.table !== undefined || found[i]?.signature !== undefined || found[i]?.member !== undefined;
      return { ...disk, device: guardUnknownRaw(drives[i]!, known) };
    });
    return guarded.every((disk, i) => disk.device === disks[i]!.device) ? tree : StorageTree.discover(guarded, options);
  }

  /** Facts of the image behind a disk. */
  imageInfo(index: number): ImageInfo | undefined {
    return this.opened.drives[index]?.session.info;
  }

  /** A device by any of its names. @throws FsError ENOENT */
  device(name: string, operation = 'device'): DiscoveredDevice {
    const found = this.storage.find(name);
    if (found === undefined) throw new FsError('ENOENT', { operation, path: name });
    return found;
  }

  /**
   * The bytes of a device, for something that is about to change them beneath the file systems.
   * @throws FsError EBUSY when a file system on it is mounted, ENOENT
   */
  async exclusiveDevice(name: string, operation: string): Promise<BlockDevice> {
    const { device, name: canonical } = this.device(name, operation);
    await this.opened.filesystems.vacate(canonical, operation);
    for (const child of this.storage.childrenOf(canonical)) {
      await this.opened.filesystems.vacate(child.name, operation);
    }
    this.opened.inspection = undefined;
    return device;
  }

  /** Open a file system without mounting it; hand it to `work` and give it back. */
  async withFilesystem<T>(mountable: string, readonly: boolean, work: (fs: FileSystem) => Promise<T>): Promise<T> {
    const fs = await this.mounts.acquire(mountable, readonly);
    try {
      return await work(fs);
    } finally {
      await this.opened.filesystems.release(fs);
    }
  }

  /** What the last inspection found; undefined before it, and after something changed beneath. */
  get inspection(): Inspection | undefined {
    return this.#opened?.inspection;
  }

  /** Look for operating systems; the result is kept until something changes beneath. */
  async inspect(): Promise<Inspection> {
    const { opened } = this;
    opened.inspection ??= new Inspection({
      storage: opened.storage,
      open: (mountable) => opened.mounts.acquire(mountable, true),
      release: (fs) => opened.filesystems.release(fs),
      canMount: (type) => isReadUnasked(this.services.filesystemSupport(type)),
      subvolumes: (device) => listedSubvolumes(this, device, new Set()),
      inspectors: () => this.services.inspectors(),
      warn: this.warn,
      signal: this.signal,
    });
    const { inspection } = opened;
    await this.clock.time('inspect', () => inspection.run());
    return inspection;
  }

  /** Look again, whatever was found before. */
  async inspectAgain(): Promise<readonly OperatingSystem[]> {
    this.opened.inspection = undefined;
    return (await this.inspect()).systems;
  }

  /** Hand everything written so far to the image, and commit it unless this is a dry run. */
  async sync(): Promise<void> {
    const { filesystems, drives, link } = this.opened;
    await this.clock.time('commit', async () => {
      await filesystems.sync();
      await link.settle();
      for (const { device } of drives) if (device.writable) await device.flush();
      if (!this.dryRun) await this.services.transaction.commit();
    });
  }

  /** Drop everything that was written since the last commit. The session is closed afterwards. */
  async rollback(): Promise<void> {
    await this.#finish(false);
  }

  /** Commit (unless autosync is off), close the disks, and be as before launch. */
  async shutdown(): Promise<void> {
    if (this.#opened === undefined) return;
    await this.#release(this.settings.autosync);
    this.#state = 'config';
  }

  /**
   * Run work when the calls before it have ended.
   * @param keepsLoan the mounted tree may stay with whoever has borrowed it
   */
  exclusive<T>(work: () => Promise<T>, keepsLoan = false): Promise<T> {
    const turn = this.#tail.then(async () => {
      if (this.#abort.signal.aborted) this.#abort = new AbortController();
      if (!keepsLoan) await this.#loan.takeBack();
      return work();
    });
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Close the file systems that are open here and let somebody else mount them, until a call needs them here again. Only within a call.
   */
  lendTree(borrower: TreeBorrower): Promise<void> {
    return this.#loan.lend(borrower);
  }

  /** Cancel the running call. */
  cancel(): void {
    this.#abort.abort(new AbortedError('user_cancel'));
  }

  getPerformanceMetrics(): PerformanceMetrics {
    return this.clock.snapshot(this.choices);
  }

  close(): Promise<void> {
    return this.#finish(this.settings.autosync);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #finish(commit: boolean): Promise<void> {
    this.#closing ??= this.exclusive(async () => {
      try {
        await this.#release(commit);
      } finally {
        this.#state = 'closed';
        this.keys.clear();
        await this.services.close();
        this.events.emit('close', undefined);
      }
    }, true);
    return this.#closing;
  }

  /** Commit or drop, then close everything however that went. */
  async #release(commit: boolean): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    const isCommitted = commit && !this.dryRun;
    try {
      opened.mounts.forgetAll();
      this.#loan.forget();
      if (isCommitted) {
        await opened.filesystems.close();
        await opened.link.close();
        await this.sync();
      }
    } catch (error) {
      await this.services.transaction.rollback().catch(() => undefined);
      throw error;
    } finally {
      this.#opened = undefined;
      // What works on the devices from outside ends first: nothing may write to them after this.
      await opened.link.close().catch((error: unknown) => this.#ignore(error, isCommitted));
      if (!isCommitted) await this.services.transaction.rollback();
      await opened.filesystems.close().catch((error: unknown) => this.#ignore(error, isCommitted));
      await opened.storage.closeVolumes().catch((error: unknown) => this.#ignore(error, isCommitted));
      await closeDrives(opened.drives).catch((error: unknown) => this.#ignore(error, isCommitted));
    }
  }

  /** After a rollback, what closing would still write has nowhere to go. */
  #ignore(error: unknown, isCommitted: boolean): void {
    if (isCommitted) throw error;
  }
}

function isReadUnasked(support: FilesystemSupport | undefined): boolean {
  return support?.read === true && support.prompt;
}

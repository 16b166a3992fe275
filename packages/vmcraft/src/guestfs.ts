import { allActions } from '@vmcraft/core/actions';
import type { OperatingSystem, VmcraftPlugin } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';
import {
  type ActionMethods,
  type ActionTable,
  type AddDriveOptions,
  type AnyAction,
  bindActions,
  callAction,
  camelCase,
  driveSpec,
  type KeyPrompt,
  type PerformanceMetrics,
  type Session,
  type SessionEvent,
  type SessionEvents,
  ActionTable as Table,
} from '@vmcraft/core/guest';
import { addPluginActions, type OpenedGuest, type OpenGuestOptions, openGuest } from '@vmcraft/core/runtime';
import { walkTree } from '@vmcraft/core/vfs';
import type { InjectionResult } from '@vmcraft/os-windows';
import type { PluginMethods } from './plugin-methods.js';
import { defaultPlugins } from './plugins.js';

/** Secrets: to try on all volumes, or by device name or UUID. Text, or the bytes of a key file. */
export type KeyInput = readonly (string | Uint8Array)[] | Readonly<Record<string, string | Uint8Array>>;

/** How a session works. */
export interface GuestFSOptions extends Omit<OpenGuestOptions, 'registry' | 'actions'> {
  /** Plugins besides those that come with VMCraft, or instead of them with `defaults: false`. */
  readonly plugins?: readonly VmcraftPlugin[];
  /** Whether the plugins that come with VMCraft are there; true unless given. */
  readonly defaults?: boolean;
}

/** How a disk is opened. */
export interface OpenOptions extends GuestFSOptions {
  /** Change nothing. */
  readonly readonly?: boolean;
  /** Image format as qemu names it; undefined means look. */
  readonly format?: string;
  /** Internal snapshot to open (qcow2), by name or id. */
  readonly snapshot?: string;
  /** Secrets for encrypted volumes, to try on all of them; or by device name or UUID. */
  readonly keys?: KeyInput;
  /** Asked for the secret of a volume that none of `keys` is for: device name and UUID. Undefined leaves it locked. */
  readonly onKey?: KeyPrompt;
  /** Write straight to the image instead of in a transaction: faster, and nothing can be taken back. */
  readonly transaction?: boolean;
  /** Write although another process holds the image, or it has children. */
  readonly force?: boolean;
}

/** A drive with options of its own. */
export interface DriveInput extends AddDriveOptions {
  /** Host path or nbd:// URI. */
  readonly path: string;
}

/** A file that changed. */
export interface ModifiedFile {
  readonly path: string;
  readonly mtime: Date;
  /** Bytes. */
  readonly size: number;
}

/** One disk or several, by path, URI or with options. */
export type Drives = string | DriveInput | readonly (string | DriveInput)[];

/** How `injectDriver` works. */
export interface InjectDriverOptions {
  /** Which INF of the folder. */
  readonly inf?: string;
  /** Take a package without catalog for a 64-bit Windows, which will not load it. */
  readonly allowunsigned?: boolean;
  /** Switch off the drivers of VMware, Xen, Parallels and VirtualBox. */
  readonly disableformer?: boolean;
}

export interface GuestFS extends ActionMethods<typeof allActions>, PluginMethods {}

/**
 * A guest: its disks, opened in this process. Every guestfs function is a method in camel case; those below are what people need most.
 *
 * @example
 * ```ts
 * await using g = await GuestFS.open('disk.qcow2');
 * await g.mountRoot();
 * await g.write('/etc/hostname', 'web1\n');
 * ```
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the prototype gets exactly the methods of the action table, below
export class GuestFS implements AsyncDisposable {
  readonly #guest: OpenedGuest;
  #pluginActions: Promise<void> | undefined;

  /** The full form: nothing is open until drives are added and `launch` is called. */
  constructor(options: GuestFSOptions = {}) {
    const { defaults, plugins = [], ...rest } = options;
    const all = defaults === false ? plugins : [...defaultPlugins, ...plugins];
    this.#guest = openGuest({ ...rest, plugins: all, actions: allActions });
  }

  /**
   * Open disks and find what is on them. Nothing is mounted yet.
   * @throws HostError, NoProviderError, CorruptImageError, LockedError …
   */
  static async open(disks: Drives, options: OpenOptions = {}): Promise<GuestFS> {
    const { readonly, format, snapshot, keys, onKey, transaction, force, ...rest } = options;
    const g = new GuestFS(rest);
    try {
      await g.loadPluginActions();
      for (const disk of Array.isArray(disks) ? disks : [disks as string | DriveInput]) {
        const { path, ...own } = typeof disk === 'string' ? { path: disk } : disk;
        g.session.addDrive({ spec: driveSpec(path, { readonly, format, snapshot, transaction, force, ...own }) });
      }
      g.addKeys(keys ?? []);
      g.session.keys.prompt = onKey;
      await g.launch();
      return g;
    } catch (error) {
      await g.rollback();
      throw error;
    }
  }

  /** Open disks, run `work`, and commit; when `work` throws, nothing of it reaches the disks. */
  static async with<T>(disks: Drives, work: (g: GuestFS) => Promise<T>, options: OpenOptions = {}): Promise<T> {
    const g = await GuestFS.open(disks, options);
    try {
      const result = await work(g);
      await g.close();
      return result;
    } catch (error) {
      await g.rollback();
      throw error;
    }
  }

  /** The session behind the methods: devices, mounts, file systems. */
  get session(): Session {
    return this.#guest.session;
  }

  /** Every action there is, those of plugins included. */
  get actions(): ActionTable {
    return this.#guest.actions;
  }

  /** Add the actions that plugins bring, as methods too. `open` does it. */
  loadPluginActions(): Promise<void> {
    this.#pluginActions ??= (async () => {
      await addPluginActions(this.#guest);
      bindActions(this, this.session, this.actions);
    })();
    return this.#pluginActions;
  }

  /** Call an action by any of its names. @throws UsageError when there is none */
  async call(name: string, ...args: readonly unknown[]): Promise<unknown> {
    return callAction(this.session, this.actions.get(name), args);
  }

  /** Secrets for encrypted volumes: a list to try on all, or by device name or UUID. */
  addKeys(keys: KeyInput): void {
    const { keys: store } = this.session;
    if (Array.isArray(keys)) for (const key of keys as readonly (string | Uint8Array)[]) store.add(key);
    else for (const [selector, key] of Object.entries(keys)) store.add(key, selector);
  }

  /**
   * Find the operating system and mount its file systems as it would itself. Those that cannot be mounted are warnings.
   * @param root which system, where there are several
   * @returns the root file system that was mounted
   * @throws UsageError when there is no system, or there are several and none is named
   */
  mountRoot(root?: string): Promise<string> {
    return this.session.exclusive(async () => {
      const { systems } = await this.session.inspect();
      const os = root === undefined ? systems[0] : systems.find((s) => s.root === root);
      if (os === undefined) {
        const reason = root === undefined ? 'no operating system was found' : `no operating system is on ${root}`;
        throw new UsageError(reason, { action: 'mountRoot', hint: 'mount a file system with mount()' });
      }
      if (root === undefined && systems.length > 1) {
        const roots = systems.map((s) => s.root).join(', ');
        throw new UsageError(`there are several systems: ${roots}; name one`, { action: 'mountRoot' });
      }
      await this.#mountAll(os);
      return os.root;
    });
  }

  async #mountAll(os: OperatingSystem): Promise<void> {
    const { session } = this;
    for (const { path, mountable } of os.mountPoints) {
      try {
        await session.mounts.mount({ mountable, mountpoint: path });
      } catch (error) {
        if (path === '/') throw error;
        session.warn({ source: mountable, message: `not mounted on ${path}: ${(error as Error).message}` });
      }
    }
  }

  /** A text file, as UTF-8. Use `readFile` for bytes and `download` for large files. */
  async read(path: string): Promise<string> {
    return new TextDecoder().decode(await this.readFile(path));
  }

  /** The operating systems on the disks; every fact says which file it came from. */
  inspectOsInfo(): Promise<readonly OperatingSystem[]> {
    return this.session.exclusive(async () => (await this.session.inspect()).systems);
  }

  /** Whether the only, or the first, system on the disks is Windows. */
  async isWindows(): Promise<boolean> {
    return (await this.inspectOsInfo())[0]?.type.value === 'windows';
  }

  /** Regular files below a directory that changed at or after a moment, in the order of the walk. */
  async *findModifiedSince(since: Date | number, directory = '/'): AsyncGenerator<ModifiedFile> {
    const limit = typeof since === 'number' ? since : since.getTime();
    const { vfs } = this.session;
    const start = await vfs.resolve(directory, 'findModifiedSince');
    for await (const { location, type } of walkTree(vfs, start)) {
      if (type !== 'r' && type !== 'u') continue;
      const { mtime, size, mode } = await vfs.statAt(location);
      const milliseconds = mtime.sec * 1000 + mtime.nsec / 1e6;
      const isFile = type === 'r' || (mode & 0o170000) === 0o100000;
      if (isFile && milliseconds >= limit) yield { path: location.path, mtime: new Date(milliseconds), size };
    }
  }

  /**
   * Put the driver packages of a folder of the host into the mounted Windows, so that it can boot from their devices. Everything is
   * checked before anything is written.
   * @param inf which of its INFs, all that suit unless given; or the options
   * @throws UsageError when none is for this Windows, FsError ENOENT when files of a package are missing
   */
  async injectDriver(
    directory: string,
    inf?: string | InjectDriverOptions,
    options: InjectDriverOptions = {},
  ): Promise<InjectionResult> {
    const given = typeof inf === 'string' ? { ...options, inf } : { ...options, ...inf };
    return (await this.call('inject_driver', directory, given)) as InjectionResult;
  }

  /** Listen to warnings, progress, traces … @returns a function that stops it */
  on<E extends SessionEvent>(event: E, listener: (payload: SessionEvents[E]) => void): () => void {
    return this.session.events.on(event, listener);
  }

  /** Times and bytes so far: by phase, by action and by layer. */
  getPerformanceMetrics(): PerformanceMetrics {
    return this.session.getPerformanceMetrics();
  }

  /** Drop everything written since the last `sync`, and close. */
  rollback(): Promise<void> {
    return this.session.rollback();
  }

  /** Commit what was written (unless autosync is off), and close. May be called twice. */
  close(): Promise<void> {
    return this.session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The actions that every session has are methods of the class; plugins add theirs to the object. */
for (const action of new Table(allActions as readonly AnyAction[])) {
  const method = camelCase(action.name);
  if (method in GuestFS.prototype) continue;
  Object.defineProperty(GuestFS.prototype, method, {
    configurable: true,
    writable: true,
    value(this: GuestFS, ...args: unknown[]) {
      return callAction(this.session, action, args);
    },
  });
}

import type {
  Application,
  FileSystem,
  GuestFilesystem,
  OperatingSystem,
  OsInspector,
  WarningSink,
} from '../contracts/index.js';
import { AbortedError, messageOf } from '../errors/index.js';
import type { StorageTree } from '../storage/index.js';
import { listGuestFilesystems } from './filesystem-list.js';
import { SessionGuestView } from './guest-view.js';

/** What an inspection works with. */
export interface InspectionSources {
  readonly storage: StorageTree;
  /** Open a mountable read-only; given back with `release`. */
  open(mountable: string): Promise<FileSystem>;
  release(fs: FileSystem): Promise<void>;
  canMount(type: string): boolean;
  /** Mountables of the subvolumes on a device, without the default one. */
  subvolumes?(device: string): Promise<readonly string[]>;
  inspectors(): Promise<readonly OsInspector[]>;
  readonly warn: WarningSink;
  readonly signal?: AbortSignal;
}

/** The operating systems on the disks of a guest, found once. Order is that of the devices, so it is always the same. */
export class Inspection {
  readonly #sources: InspectionSources;
  readonly #found = new Map<string, { readonly os: OperatingSystem; readonly inspector: OsInspector }>();
  readonly #applications = new Map<string, Promise<readonly Application[]>>();
  #filesystems: readonly GuestFilesystem[] | undefined;
  #running: Promise<void> | undefined;

  constructor(sources: InspectionSources) {
    this.#sources = sources;
  }

  /** Every system found, in the order of their root file systems. Empty before {@link run}. */
  get systems(): readonly OperatingSystem[] {
    return [...this.#found.values()].map(({ os }) => os);
  }

  get filesystems(): readonly GuestFilesystem[] {
    this.#filesystems ??= listGuestFilesystems(this.#sources.storage, (type) => this.#sources.canMount(type));
    return this.#filesystems;
  }

  /** Mountables where a system may be: each file system, then its subvolumes. One over several devices counts once. */
  async #candidates(): Promise<readonly string[]> {
    const found: string[] = [];
    const seen = new Set<string>();
    for (const { mountable, type, uuid, canMount } of this.filesystems) {
      if (!canMount) continue;
      const isShared = type === 'btrfs' && uuid !== undefined;
      if (isShared && seen.has(uuid)) continue;
      if (isShared) seen.add(uuid);
      found.push(mountable, ...((await this.#sources.subvolumes?.(mountable)) ?? []));
    }
    return found;
  }

  /** The system whose root is this mountable. */
  find(root: string): OperatingSystem | undefined {
    return this.#found.get(root)?.os;
  }

  /** Look at every file system; the second call waits for, or returns with, the first. */
  run(): Promise<void> {
    this.#running ??= this.#run().catch((error: unknown) => {
      this.#running = undefined;
      this.#found.clear();
      throw error;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    const inspectors = await this.#sources.inspectors();
    await this.#withView(async (view) => {
      for (const mountable of await this.#candidates()) {
        for (const inspector of inspectors) {
          const os = await this.#attempt(inspector, view, mountable);
          if (os === undefined) continue;
          // Two inspectors, or two candidates, may name the same root: the first keeps it.
          if (!this.#found.has(os.root)) this.#found.set(os.root, { os, inspector });
          break;
        }
      }
    });
  }

  /** One inspector's failure on one candidate is a warning and stops nothing else. */
  async #attempt(
    inspector: OsInspector,
    view: SessionGuestView,
    mountable: string,
  ): Promise<OperatingSystem | undefined> {
    const { signal, warn } = this.#sources;
    if (signal?.aborted === true) throw new AbortedError('inspection', signal.reason);
    try {
      return await inspector.inspect(view, mountable);
    } catch (error) {
      if (error instanceof AbortedError) throw error;
      warn({ source: inspector.name, message: `${mountable}: ${messageOf(error)}` });
      return undefined;
    }
  }

  /** Installed applications of a system; empty when its inspector cannot tell. */
  applications(os: OperatingSystem): Promise<readonly Application[]> {
    let list = this.#applications.get(os.root);
    if (list === undefined) {
      const inspector = this.#found.get(os.root)?.inspector;
      list = this.#withView(async (view) => (await inspector?.applications?.(view, os)) ?? []);
      this.#applications.set(os.root, list);
      list.catch(() => this.#applications.delete(os.root));
    }
    return list;
  }

  async #withView<T>(work: (view: SessionGuestView) => Promise<T>): Promise<T> {
    const view = new SessionGuestView({ ...this.#sources, filesystems: this.filesystems });
    try {
      return await work(view);
    } finally {
      await view.close();
    }
  }
}

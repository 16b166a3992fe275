import type { FileSystem, FileTree, GuestFilesystem, GuestView, WarningSink } from '../contracts/index.js';
import { messageOf, UsageError } from '../errors/index.js';
import type { StorageTree } from '../storage/index.js';
import { Vfs, VfsFileTree } from '../vfs/index.js';

/** What a view works with. */
export interface GuestViewSources {
  readonly storage: StorageTree;
  readonly filesystems: readonly GuestFilesystem[];
  /** Open a mountable read-only; the view gives it back with `release`. */
  open(mountable: string): Promise<FileSystem>;
  release(fs: FileSystem): Promise<void>;
  readonly warn: WarningSink;
  readonly signal?: AbortSignal;
}

/** A guest for inspectors. Trees are made once and kept until {@link SessionGuestView.close}. */
export class SessionGuestView implements GuestView {
  readonly filesystems: readonly GuestFilesystem[];
  readonly signal?: AbortSignal;
  readonly #opened = new Map<string, Promise<FileSystem>>();
  readonly #trees = new Map<string, Promise<FileTree>>();

  constructor(private readonly sources: GuestViewSources) {
    this.filesystems = sources.filesystems;
    if (sources.signal !== undefined) this.signal = sources.signal;
  }

  resolveDevice(name: string): string | undefined {
    return this.sources.storage.find(name)?.name;
  }

  tree(mountable: string): Promise<FileTree> {
    return this.mountedTree(new Map([['/', mountable]]));
  }

  mountedTree(mounts: ReadonlyMap<string, string>): Promise<FileTree> {
    const ordered = [...mounts].sort(([a], [b]) => depth(a) - depth(b) || (a < b ? -1 : 1));
    const key = JSON.stringify(ordered);
    let tree = this.#trees.get(key);
    if (tree === undefined) {
      tree = this.#build(ordered);
      this.#trees.set(key, tree);
    }
    return tree;
  }

  async #build(mounts: readonly (readonly [string, string])[]): Promise<FileTree> {
    if (mounts[0]?.[0] !== '/') throw new UsageError("a tree needs a file system at '/'");
    const vfs = new Vfs();
    for (const [path, source] of mounts) {
      try {
        await vfs.mount(await this.#open(source), path, { source, readonly: true });
      } catch (error) {
        if (path === '/') throw error;
        // A mount point that is missing, or a part that is damaged, must not hide the rest.
        this.sources.warn({ source, message: `not shown at ${path}: ${messageOf(error)}` });
      }
    }
    return new VfsFileTree(vfs);
  }

  #open(mountable: string): Promise<FileSystem> {
    let fs = this.#opened.get(mountable);
    if (fs === undefined) {
      fs = this.sources.open(mountable);
      this.#opened.set(mountable, fs);
    }
    return fs;
  }

  /** Give back all file systems; trees made before must not be used any more. */
  async close(): Promise<void> {
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    this.#trees.clear();
    for (const result of await Promise.allSettled(opened)) {
      if (result.status === 'fulfilled') await this.sources.release(result.value);
    }
  }
}

/** Parents are mounted before what is inside them. */
function depth(path: string): number {
  return path === '/' ? 0 : path.split('/').filter((name) => name !== '').length;
}

import {
  type DirEntry,
  type FileSystem,
  type FsStat,
  type IoOptions,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../contracts/index.js';
import { FsError, type FsErrorCode } from '../errors/index.js';
import { BaseFileSystem } from './base-filesystem.js';
import { VfsEditor } from './editor.js';
import type { Location, Slot } from './location.js';
import { type Mount, MountTable } from './mount-table.js';
import { PathWalker } from './path-walk.js';
import { AlternatingBuffers } from './read-buffers.js';

/** Bytes that file contents are read in. */
const READ_CHUNK = 1 << 20;

/** How to mount. */
export interface MountRequest {
  readonly source: string;
  readonly readonly: boolean;
  readonly options?: readonly string[];
}

/** A regular file opened for reading. */
export interface OpenedFile {
  readonly location: Location;
  readonly stat: FsStat;
  /** Up to `length` bytes; fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Chunks of at most 1 MiB from `start` up to `end` bytes. With `reuse` one is only good until the next is asked for. */
  stream(start?: number, end?: number, options?: { readonly reuse?: boolean }): AsyncGenerator<Uint8Array>;
}

/** The tree of mounted file systems, by path. Reading is here, changes are in {@link Vfs.edit}. */
export class Vfs {
  readonly #mounts = new MountTable(new BaseFileSystem());
  readonly #walker = new PathWalker(this.#mounts);
  readonly #devices = new WeakMap<FileSystem, number>();
  #nextDevice = 1;
  /** Bits that new objects do not get. */
  umask = 0o022;
  /** Everything that changes the tree. */
  readonly edit = new VfsEditor(this);

  /** Mounts in the order in which they were made. */
  get mounts(): readonly Mount[] {
    return this.#mounts.list();
  }

  get root(): Location {
    return this.#walker.root;
  }

  /** Drop cached directories; the editor calls it when names move. */
  forget(): void {
    this.#walker.forget();
  }

  /**
   * Lay a file system over a directory.
   * @throws FsError ENOENT, ENOTDIR, EBUSY (the same is there already)
   */
  async mount(fs: FileSystem, path: string, request: MountRequest): Promise<Mount> {
    const on = await this.#walker.resolve(path, 'mount', true);
    if (!(await on.isDirectory())) throw new FsError('ENOTDIR', { operation: 'mount', path });
    if (on.mount.fs === fs && on.node === fs.root) {
      throw new FsError('EBUSY', { operation: 'mount', path, reason: `${request.source} is mounted there already` });
    }
    const mount = this.#mounts.attach(on, { fs, options: [], ...request });
    this.forget();
    return mount;
  }

  /** The path at which a mount can be seen. */
  mountPath(mount: Mount): string {
    return mount.on?.path ?? '/';
  }

  /** The mount whose root is at a path. @throws FsError EINVAL when nothing is mounted there */
  async mountAt(path: string): Promise<Mount> {
    const { mount, node } = await this.#walker.resolve(path, 'umount', true);
    if (mount.on !== undefined && node.ino === mount.fs.root.ino) return mount;
    throw new FsError('EINVAL', { operation: 'umount', path, reason: 'not mounted' });
  }

  /** @throws FsError EBUSY when other mounts are inside */
  detach(mount: Mount): void {
    if (this.#mounts.isBusy(mount)) {
      throw new FsError('EBUSY', { operation: 'umount', path: this.mountPath(mount), reason: 'mounts inside it' });
    }
    this.#mounts.detach(mount);
    this.forget();
  }

  /** Change the options of a mount. */
  remount(mount: Mount, changed: Pick<Mount, 'readonly' | 'options'>): void {
    this.#mounts.replace(mount, changed);
  }

  /** What is at a path. @throws FsError ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG */
  resolve(path: string, operation: string, follow = true): Promise<Location> {
    return this.#walker.resolve(path, operation, follow);
  }

  /** As `resolve`, undefined when nothing is there. */
  async find(path: string, operation: string, follow = true): Promise<Location | undefined> {
    try {
      return await this.#walker.resolve(path, operation, follow);
    } catch (error) {
      if (error instanceof FsError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  /** The place of a name, for the editor. */
  slot(path: string, operation: string, nameless: FsErrorCode, follow = false): Promise<Slot> {
    return follow
      ? this.#walker.slotFollowing(path, operation, nameless)
      : this.#walker.slot(path, operation, nameless);
  }

  /** The top of the mounts over a location. */
  enter(location: Location): Location {
    return this.#walker.enter(location);
  }

  /** A name in a directory, links not followed. */
  child(dir: Location, name: string): Promise<Location | undefined> {
    return this.#walker.child(dir, name);
  }

  statAt(location: Location): Promise<FsStat> {
    return location.mount.fs.stat(location.node);
  }

  /** A number that tells file systems apart, as `st_dev` does. */
  deviceOf(location: Location): number {
    const { fs } = location.mount;
    let device = this.#devices.get(fs);
    if (device === undefined) {
      device = this.#nextDevice++;
      this.#devices.set(fs, device);
    }
    return device;
  }

  /** Entries of a directory without `.` and `..`. @throws FsError ENOTDIR */
  async readdir(path: string, operation: string, options?: IoOptions): Promise<AsyncIterable<DirEntry>> {
    const dir = await this.resolve(path, operation);
    if (!(await dir.isDirectory())) throw new FsError('ENOTDIR', { operation, path });
    return dir.mount.fs.readdir(dir.node, options);
  }

  /** Names in a directory in the order of the directory. */
  async names(path: string, operation: string): Promise<string[]> {
    const names: string[] = [];
    for await (const entry of await this.readdir(path, operation)) names.push(entry.name);
    return names;
  }

  /** @throws FsError EINVAL when it is no link */
  async readlink(path: string, operation: string): Promise<string> {
    const location = await this.resolve(path, operation, false);
    if (!(await location.isLink())) throw new FsError('EINVAL', { operation, path, reason: 'not a symbolic link' });
    return location.mount.fs.readlink(location.node);
  }

  async realpath(path: string, operation: string): Promise<string> {
    return (await this.resolve(path, operation)).path;
  }

  /** @throws FsError EISDIR; ENOTSUP for device nodes, pipes and sockets, which have no contents here */
  async open(path: string, operation: string, options?: IoOptions): Promise<OpenedFile> {
    return this.openAt(await this.resolve(path, operation), operation, path, options);
  }

  async openAt(location: Location, operation: string, path: string, options?: IoOptions): Promise<OpenedFile> {
    const stat = await this.statAt(location);
    const type = stat.mode & S_IFMT;
    if (type === S_IFDIR) throw new FsError('EISDIR', { operation, path });
    if (type === S_IFLNK) throw new FsError('ELOOP', { operation, path });
    if (type !== S_IFREG) throw new FsError('ENOTSUP', { operation, path, reason: 'not a regular file' });
    const { fs } = location.mount;
    const bulk = { ...options, bulk: true };
    return {
      location,
      stat,
      read: (offset, length) => fs.read(location.node, offset, length, options),
      stream: (start = 0, end = stat.size, { reuse = false } = {}) => {
        const buffers = reuse && fs.takesBuffers === true ? new AlternatingBuffers(READ_CHUNK) : undefined;
        const read: Reader = (offset, length) => fs.read(location.node, offset, length, buffers?.lend(bulk) ?? bulk);
        return readAhead(read, start, Math.min(end, stat.size));
      },
    };
  }
}

type Reader = (offset: number, length: number) => Promise<Uint8Array>;

/** Chunks in order; the next one is fetched while the caller works on the last. */
async function* readAhead(read: Reader, start: number, end: number): AsyncGenerator<Uint8Array> {
  const fetch = (at: number): Promise<Uint8Array> | undefined => {
    if (at >= end) return undefined;
    const chunk = read(at, Math.min(READ_CHUNK, end - at));
    // A failure counts when its turn comes; a caller that stops early never asks.
    chunk.catch(() => undefined);
    return chunk;
  };
  let at = start;
  let pending = fetch(at);
  while (pending !== undefined) {
    const chunk = await pending;
    if (chunk.length === 0) return;
    at += chunk.length;
    pending = fetch(at);
    yield chunk;
  }
}

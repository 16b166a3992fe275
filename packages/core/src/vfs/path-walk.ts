import { encodeFileName } from '../binary/index.js';
import { FsError, type FsErrorCode } from '../errors/index.js';
import { Location, type Slot } from './location.js';
import type { MountTable } from './mount-table.js';

/** Links that one walk follows at most; `MAXSYMLINKS` of Linux. */
const MAX_LINKS = 40;
/** Longest path in bytes with its terminator; `PATH_MAX` of Linux. */
const MAX_PATH = 4096;
/** Longest name in bytes where the file system does not say otherwise; `NAME_MAX` of Linux. */
const MAX_NAME = 255;
/** A UTF-16 unit takes three bytes of UTF-8 at most. */
const BYTES_PER_UNIT = 3;
/** Directories whose location is kept. */
const CACHED_DIRECTORIES = 1024;

/** Walks paths of the guest. Links are followed here and nowhere else, so none can leave the guest. */
export class PathWalker {
  readonly #mounts: MountTable;
  /** Locations of directories by the path that led there; cleared whenever a name could mean something else. */
  readonly #directories = new Map<string, Location>();
  #root: Location | undefined;

  constructor(mounts: MountTable) {
    this.#mounts = mounts;
  }

  /** Forget what is cached: a directory or link was moved, removed or covered. */
  forget(): void {
    this.#directories.clear();
    this.#root = undefined;
  }

  get root(): Location {
    if (this.#root === undefined) {
      const { base } = this.#mounts;
      this.#root = this.enter(new Location(base, base.fs.root, undefined, ''));
    }
    return this.#root;
  }

  /** The top of the mounts over a directory, or the location itself. */
  enter(location: Location): Location {
    let at = location;
    for (let over = this.#mounts.over(at.mount, at.node); over !== undefined; ) {
      at = new Location(over, over.fs.root, location.parent, location.name);
      over = this.#mounts.over(at.mount, at.node);
    }
    return at;
  }

  /**
   * What is at a path.
   * @param follow whether a link at the end is followed; one before a trailing slash always is
   * @throws FsError ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG
   */
  async resolve(path: string, operation: string, follow: boolean): Promise<Location> {
    const walk = new Walk(this, path, operation);
    const cut = path.lastIndexOf('/') + 1;
    const dir = await this.#directory(path.slice(0, cut), walk);
    return cut === path.length ? dir : walk.steps(dir, [path.slice(cut)], follow);
  }

  /**
   * The directory and the last name of a path; the name is not followed.
   * @param nameless the error for a path without a last name: `/`, or one that ends in `.` or `..`
   * @throws FsError as `resolve`
   */
  async slot(path: string, operation: string, nameless: FsErrorCode): Promise<Slot> {
    const walk = new Walk(this, path, operation);
    const trimmed = path.replace(/\/+$/, '');
    const cut = trimmed.lastIndexOf('/') + 1;
    const name = trimmed.slice(cut);
    const dir = await this.#directory(trimmed.slice(0, cut), walk);
    if (name === '' || name === '.' || name === '..') throw walk.fail(nameless);
    walk.checkName(dir, name);
    const existing = await this.child(dir, name);
    return { dir, name, existing, mustBeDirectory: trimmed.length !== path.length };
  }

  /** As `slot`, but where the name is a link, the slot that the link points at, which may be empty. */
  async slotFollowing(path: string, operation: string, nameless: FsErrorCode): Promise<Slot> {
    let at = path;
    for (let links = 0; links <= MAX_LINKS; links++) {
      const slot = await this.slot(at, operation, nameless);
      const { existing, dir } = slot;
      if (existing === undefined || !(await existing.isLink())) return slot;
      const target = await existing.mount.fs.readlink(existing.node);
      if (target === '') throw new FsError('ENOENT', { operation, path });
      at = target.startsWith('/') ? target : dir.childPath(target);
    }
    throw new FsError('ELOOP', { operation, path });
  }

  /** A name in a directory; mounts are entered, links are not followed. */
  async child(dir: Location, name: string): Promise<Location | undefined> {
    const node = await dir.mount.fs.lookup(dir.node, name);
    return node === undefined ? undefined : this.enter(new Location(dir.mount, node, dir, name));
  }

  /** The directory at a path that ends in a slash or is empty. */
  async #directory(path: string, walk: Walk): Promise<Location> {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const location = await walk.steps(this.root, path.split('/'), true);
    await walk.needDirectory(location);
    if (this.#directories.size >= CACHED_DIRECTORIES) this.#directories.clear();
    this.#directories.set(path, location);
    return location;
  }
}

/** One walk: counts the links it follows, and knows what to say when it fails. */
class Walk {
  #links = 0;

  constructor(
    readonly walker: PathWalker,
    readonly path: string,
    readonly operation: string,
  ) {
    if (path === '') throw this.fail('ENOENT');
    if (path.length * BYTES_PER_UNIT >= MAX_PATH && encodeFileName(path).length >= MAX_PATH) {
      throw this.fail('ENAMETOOLONG');
    }
  }

  fail(code: FsErrorCode): FsError {
    return new FsError(code, { operation: this.operation, path: this.path });
  }

  /** Walk names from a directory; the last one is followed when `follow` says so. */
  async steps(from: Location, names: readonly string[], follow: boolean): Promise<Location> {
    let at = from;
    const last = names.length - 1;
    for (let i = 0; i <= last; i++) {
      const name = names[i]!;
      if (name === '' || name === '.') continue;
      await this.needDirectory(at);
      if (name === '..') at = at.parent ?? at;
      else at = await this.#step(at, name, i < last || follow);
    }
    return at;
  }

  async #step(dir: Location, name: string, follow: boolean): Promise<Location> {
    this.checkName(dir, name);
    const next = await this.walker.child(dir, name);
    if (next === undefined) throw this.fail('ENOENT');
    if (!follow || !(await next.isLink())) return next;
    if (++this.#links > MAX_LINKS) throw this.fail('ELOOP');
    const target = await next.mount.fs.readlink(next.node);
    if (target === '') throw this.fail('ENOENT');
    const end = await this.steps(target.startsWith('/') ? this.walker.root : dir, target.split('/'), true);
    if (target.endsWith('/')) await this.needDirectory(end);
    return end;
  }

  async needDirectory(location: Location): Promise<void> {
    if (!(await location.isDirectory())) throw this.fail('ENOTDIR');
  }

  checkName(dir: Location, name: string): void {
    if (name.length * BYTES_PER_UNIT <= MAX_NAME) return;
    // FAT and exFAT count UTF-16 units, the others bytes.
    const length = dir.mount.fs.caseInsensitive ? name.length : encodeFileName(name).length;
    if (length > MAX_NAME) throw this.fail('ENAMETOOLONG');
  }
}

import { decodeUtf8 } from '../binary/index.js';
import { type FileTree, type FsStat, S_IFDIR, S_IFMT, S_IFREG, type TreeFile } from '../contracts/index.js';
import { FsError } from '../errors/index.js';
import type { Location } from './location.js';
import type { Vfs } from './vfs.js';

/** Bytes that `read` gives unless told otherwise. */
const DEFAULT_LIMIT = 1 << 20;

/** A tree of files for inspectors: what is missing, is no file, or cannot be reached is simply not there. */
export class VfsFileTree implements FileTree {
  constructor(private readonly vfs: Vfs) {}

  async exists(path: string): Promise<boolean> {
    return (await this.stat(path)) !== undefined;
  }

  async isFile(path: string): Promise<boolean> {
    return typeOf(await this.stat(path)) === S_IFREG;
  }

  async isDir(path: string): Promise<boolean> {
    return typeOf(await this.stat(path)) === S_IFDIR;
  }

  async stat(path: string): Promise<FsStat | undefined> {
    const location = await this.#find(path, true);
    return location === undefined ? undefined : this.vfs.statAt(location);
  }

  async lstat(path: string): Promise<FsStat | undefined> {
    const location = await this.#find(path, false);
    return location === undefined ? undefined : this.vfs.statAt(location);
  }

  async list(path: string): Promise<readonly string[]> {
    const location = await this.#find(path, true);
    if (location === undefined || !(await location.isDirectory())) return [];
    const names: string[] = [];
    for await (const { name } of location.mount.fs.readdir(location.node)) names.push(name);
    return names.sort();
  }

  async readlink(path: string): Promise<string | undefined> {
    const location = await this.#find(path, false);
    if (location === undefined || !(await location.isLink())) return undefined;
    return location.mount.fs.readlink(location.node);
  }

  async read(path: string, limit = DEFAULT_LIMIT): Promise<Uint8Array | undefined> {
    const location = await this.#findFile(path);
    if (location === undefined) return undefined;
    const { size } = await this.vfs.statAt(location);
    return location.mount.fs.read(location.node, 0, Math.min(size, limit));
  }

  async lines(path: string, limit?: number): Promise<readonly string[] | undefined> {
    const bytes = await this.read(path, limit);
    if (bytes === undefined) return undefined;
    const lines = decodeUtf8(bytes).split(/\r?\n/);
    if (lines.at(-1) === '') lines.pop();
    return lines;
  }

  async *stream(path: string): AsyncIterable<Uint8Array> {
    const location = await this.#findFile(path);
    if (location !== undefined) yield* (await this.vfs.openAt(location, 'read', path)).stream();
  }

  async open(path: string): Promise<TreeFile | undefined> {
    const location = await this.#findFile(path);
    if (location === undefined) return undefined;
    const { size } = await this.vfs.statAt(location);
    return { size, read: (offset, length) => location.mount.fs.read(location.node, offset, length) };
  }

  async #findFile(path: string): Promise<Location | undefined> {
    const location = await this.#find(path, true);
    return location !== undefined && (await location.type()) === S_IFREG ? location : undefined;
  }

  /** Any ordinary outcome of a path walk means "not there"; damage and I/O errors are passed on. */
  async #find(path: string, follow: boolean): Promise<Location | undefined> {
    try {
      return await this.vfs.resolve(path, 'inspect', follow);
    } catch (error) {
      if (error instanceof FsError && error.code !== 'EIO') return undefined;
      throw error;
    }
  }
}

const typeOf = (stat: FsStat | undefined): number => (stat?.mode ?? 0) & S_IFMT;

import { type FsNode, S_IFDIR, S_IFLNK, S_IFMT } from '../contracts/index.js';
import type { Mount } from './mount-table.js';

/** A node and how the walk came to it. Parents are real directories: no link is ever part of the chain. */
export class Location {
  /** Type bits of the mode, once known; an object never changes its type. */
  #type: number | undefined;

  constructor(
    readonly mount: Mount,
    readonly node: FsNode,
    /** Undefined for the root of the guest. */
    readonly parent: Location | undefined,
    readonly name: string,
    type?: number,
  ) {
    this.#type = type;
  }

  /** Absolute path without links. */
  get path(): string {
    if (this.parent === undefined) return '/';
    const names: string[] = [];
    for (let at: Location = this; at.parent !== undefined; at = at.parent) names.push(at.name);
    return `/${names.reverse().join('/')}`;
  }

  /** The path of a name in this directory. */
  childPath(name: string): string {
    const path = this.path;
    return path === '/' ? `/${name}` : `${path}/${name}`;
  }

  /** Type bits of the mode (`S_IFDIR` …). */
  async type(): Promise<number> {
    if (this.#type === undefined) this.#type = (await this.mount.fs.stat(this.node)).mode & S_IFMT;
    return this.#type;
  }

  async isDirectory(): Promise<boolean> {
    return (this.#type ?? (await this.type())) === S_IFDIR;
  }

  async isLink(): Promise<boolean> {
    return (this.#type ?? (await this.type())) === S_IFLNK;
  }

  /** Whether both are the same object. */
  isSame(other: Location): boolean {
    return this.mount.fs === other.mount.fs && this.node.ino === other.node.ino;
  }

  /** Whether `other` is this directory or lies somewhere below it. */
  contains(other: Location): boolean {
    for (let at: Location | undefined = other; at !== undefined; at = at.parent) if (at.isSame(this)) return true;
    return false;
  }
}

/** Where a new name would go: an existing directory, and a name that may or may not be there. */
export interface Slot {
  readonly dir: Location;
  readonly name: string;
  /** What has the name now; a symbolic link is not followed. */
  readonly existing: Location | undefined;
  /** The path ended in a slash, so that only a directory will do. */
  readonly mustBeDirectory: boolean;
}

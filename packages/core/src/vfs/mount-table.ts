import type { FileSystem, FsNode } from '../contracts/index.js';
import type { Location } from './location.js';

/** One mounted file system. */
export interface Mount {
  /** Unique in its table; shown as `st_dev`. */
  readonly id: number;
  readonly fs: FileSystem;
  /** What was mounted: `/dev/sda1`, `btrfsvol:/dev/sda2/home`. */
  readonly source: string;
  /** Options as mount(8) writes them. */
  readonly options: readonly string[];
  readonly readonly: boolean;
  /** The directory it covers; undefined for the base of the tree. */
  readonly on: Location | undefined;
}

/** Which file system lies over which directory. Knows nothing of paths. */
export class MountTable {
  /** By covered mount, then by inode number: the stack of mounts over that directory, topmost last. */
  readonly #covered = new Map<Mount, Map<number, Mount[]>>();
  readonly #order: Mount[] = [];
  #nextId = 0;

  constructor(base: FileSystem) {
    this.#order.push({ id: this.#nextId++, fs: base, source: '', options: [], readonly: false, on: undefined });
  }

  /** The mount that everything hangs on. */
  get base(): Mount {
    return this.#order[0]!;
  }

  /** Mounts in the order in which they were made, without the base. */
  list(): readonly Mount[] {
    return this.#order.slice(1);
  }

  /** The mount that covers a directory, or undefined. */
  over(mount: Mount, node: FsNode): Mount | undefined {
    if (this.#covered.size === 0) return undefined;
    return this.#covered.get(mount)?.get(node.ino)?.at(-1);
  }

  attach(on: Location, made: Omit<Mount, 'id' | 'on'>): Mount {
    const mount: Mount = { ...made, id: this.#nextId++, on };
    const byIno = this.#covered.get(on.mount) ?? new Map<number, Mount[]>();
    this.#covered.set(on.mount, byIno);
    byIno.set(on.node.ino, [...(byIno.get(on.node.ino) ?? []), mount]);
    this.#order.push(mount);
    return mount;
  }

  /** Whether something is mounted inside `mount`. */
  isBusy(mount: Mount): boolean {
    return (this.#covered.get(mount)?.size ?? 0) > 0;
  }

  detach(mount: Mount): void {
    const on = mount.on;
    if (on === undefined) return;
    const byIno = this.#covered.get(on.mount);
    const rest = byIno?.get(on.node.ino)?.filter((m) => m !== mount) ?? [];
    if (rest.length > 0) byIno?.set(on.node.ino, rest);
    else byIno?.delete(on.node.ino);
    if (byIno?.size === 0) this.#covered.delete(on.mount);
    this.#order.splice(this.#order.indexOf(mount), 1);
  }

  /** Put another version of a mount in its place: same file system, other options. */
  replace(mount: Mount, changed: Pick<Mount, 'readonly' | 'options'>): Mount {
    Object.assign(mount as { readonly: boolean; options: readonly string[] }, changed);
    return mount;
  }
}

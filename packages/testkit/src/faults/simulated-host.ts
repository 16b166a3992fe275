import {
  type BlockExtent,
  CapabilityError,
  HostError,
  type HostFile,
  type HostFileIdentity,
  type HostFileOptions,
  type HostRoom,
  type HostStat,
  type ImageLock,
  LockedError,
  type TransactionHost,
} from '@vmcraft/core';
import { seededRandom } from './random.js';
import { SECTOR, SimulatedInode } from './simulated-file.js';

/** Thrown by every call once a simulated host has crashed. It is no VMCraft error, so nothing handles it. */
export class SimulatedCrash extends Error {}

/** How a simulated host behaves. */
export interface SimulatedHostOptions {
  /** Number of the changing call (write, flush, rename, …) in the middle of which the host crashes, counted from 1. */
  readonly crashAt?: number;
  /** Bytes its disk holds; writing more is `ENOSPC`. */
  readonly capacity?: number;
}

/** A change of a folder that a power loss may undo; `inode` undefined means that the name is removed. */
interface PendingName {
  readonly folder: string;
  readonly apply: (names: Map<string, SimulatedInode>) => void;
}

/**
 * A host in memory that knows what is durable. It crashes in the middle of a chosen call; then `restart` gives the host as the next
 * process finds it: after a kill all is there that was written, after a power loss any part of what was not flushed may be missing:
 * single sectors of files, single names of folders.
 */
export class SimulatedHost implements TransactionHost {
  readonly #options: SimulatedHostOptions;
  readonly #names: Map<string, SimulatedInode>;
  #durableNames: Map<string, SimulatedInode>;
  #pendingNames: PendingName[] = [];
  readonly #locks = new Set<string>();
  #clock: bigint;
  #inodes: bigint;
  #calls = 0;
  #crashed = false;

  /** @param files contents by absolute path */
  constructor(files: ReadonlyMap<string, Uint8Array | SimulatedInode>, options: SimulatedHostOptions = {}) {
    this.#options = options;
    this.#clock = 1_000_000n;
    this.#inodes = 100n;
    this.#names = new Map();
    for (const [path, content] of files) {
      const inode =
        content instanceof SimulatedInode ? content : new SimulatedInode(this.#inodes++, content, this.#tick());
      this.#names.set(path, inode);
      this.#inodes = inode.ino >= this.#inodes ? inode.ino + 1n : this.#inodes;
      if (inode.mtimeNs > this.#clock) this.#clock = inode.mtimeNs;
    }
    this.#durableNames = new Map(this.#names);
  }

  /** Changing calls so far. */
  get calls(): number {
    return this.#calls;
  }

  get hasCrashed(): boolean {
    return this.#crashed;
  }

  /** Names of all files. */
  get paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  contents(path: string): Uint8Array | undefined {
    return this.#names.get(path)?.bytes.slice();
  }

  /** Change a file behind everybody's back, as another program would. */
  tamper(path: string, offset: number, data: Uint8Array): void {
    this.#names.get(path)!.write(offset, data, this.#tick());
    this.#names.get(path)!.flush();
  }

  /** Put a file in place of what is there, as a copy or a restored backup: another inode. */
  replace(path: string, data: Uint8Array): void {
    this.#names.set(path, new SimulatedInode(this.#inodes++, data, this.#tick()));
    this.#durableNames.set(path, this.#names.get(path)!);
  }

  /** The host as the next process finds it. `seed` undefined: only the process was killed; else the power failed. */
  restart(seed: number | undefined, options: SimulatedHostOptions = {}): SimulatedHost {
    const files = new Map<string, SimulatedInode>();
    if (seed === undefined) {
      for (const [path, inode] of this.#names) files.set(path, inode.afterKill());
      return new SimulatedHost(files, options);
    }
    const random = seededRandom(seed);
    const names = new Map(this.#durableNames);
    for (const change of this.#pendingNames) if (random() < 0.5) change.apply(names);
    for (const [path, inode] of names) files.set(path, inode.afterPowerLoss(random));
    return new SimulatedHost(files, options);
  }

  async open(path: string, options: HostFileOptions): Promise<HostFile> {
    this.#alive();
    let inode = this.#names.get(path);
    if (options.create === 'exclusive' && inode !== undefined) throw this.#error(path, 'open', 'EEXIST');
    if (inode === undefined) {
      if (options.create === undefined) throw this.#error(path, 'open', 'ENOENT');
      this.#change();
      inode = new SimulatedInode(this.#inodes++, new Uint8Array(0), this.#tick());
      this.#link(path, inode);
    }
    return new SimulatedFile(this, path, inode, options.writable);
  }

  async stat(path: string): Promise<HostStat | undefined> {
    this.#alive();
    const inode = this.#names.get(path);
    return inode === undefined ? undefined : { kind: 'file', size: inode.bytes.length, identity: identityOf(inode) };
  }

  async resolveReference(imagePath: string, reference: string): Promise<string> {
    if (reference.includes('/')) {
      throw new CapabilityError({ capability: 'follow references', subject: imagePath, reason: reference });
    }
    return this.join(this.folderOf(imagePath), reference);
  }

  async realPath(path: string): Promise<string> {
    this.#alive();
    if (!this.#names.has(path)) throw this.#error(path, 'resolve', 'ENOENT');
    return path;
  }

  async rename(from: string, to: string): Promise<void> {
    this.#change();
    const inode = this.#names.get(from);
    if (inode === undefined) throw this.#error(from, 'rename', 'ENOENT');
    this.#names.delete(from);
    this.#names.set(to, inode);
    const apply = (names: Map<string, SimulatedInode>): void => {
      names.delete(from);
      names.set(to, inode);
    };
    this.#pendingNames.push({ folder: this.folderOf(to), apply });
  }

  async remove(path: string): Promise<void> {
    this.#change();
    this.#names.delete(path);
    this.#pendingNames.push({ folder: this.folderOf(path), apply: (names) => names.delete(path) });
  }

  async flushFolder(folder: string): Promise<void> {
    this.#change();
    const mine = this.#pendingNames.filter((change) => change.folder === folder);
    const durable = new Map(this.#durableNames);
    for (const change of mine) change.apply(durable);
    this.#durableNames = durable;
    this.#pendingNames = this.#pendingNames.filter((change) => change.folder !== folder);
  }

  async scratch(): Promise<HostFile> {
    this.#alive();
    return new SimulatedFile(this, '/tmp/scratch', new SimulatedInode(this.#inodes++, new Uint8Array(0), 0n), true);
  }

  async room(path: string): Promise<HostRoom | undefined> {
    if (this.#options.capacity === undefined) return undefined;
    const allocated = this.#names.get(path)?.bytes.length ?? 0;
    return { free: this.#options.capacity - this.#used(), allocated };
  }

  async trusts(): Promise<boolean> {
    return true;
  }

  async lock(path: string): Promise<ImageLock> {
    this.#alive();
    if (this.#locks.has(path)) throw new LockedError({ path, reason: 'it is locked' });
    this.#locks.add(path);
    return {
      verify: async () => {},
      release: async () => {
        this.#locks.delete(path);
      },
    };
  }

  folderOf(path: string): string {
    return path.slice(0, Math.max(1, path.lastIndexOf('/')));
  }

  nameOf(path: string): string {
    return path.slice(path.lastIndexOf('/') + 1);
  }

  join(folder: string, name: string): string {
    return folder === '/' ? `/${name}` : `${folder}/${name}`;
  }

  /** Called by files. */
  changeFile(
    inode: SimulatedInode,
    path: string,
    grows: number,
    change: (now: bigint) => void,
    torn: () => void,
  ): void {
    this.#alive();
    this.#calls++;
    if (this.#calls === this.#options.crashAt) {
      torn();
      this.#crashed = true;
      throw new SimulatedCrash('crash');
    }
    const room = this.#options.capacity;
    if (room !== undefined && grows > 0 && this.#names.get(path) === inode && this.#used() + grows > room) {
      throw this.#error(path, 'write', 'ENOSPC');
    }
    change(this.#tick());
  }

  requireAlive(): void {
    this.#alive();
  }

  #used(): number {
    let total = 0;
    for (const inode of this.#names.values()) total += inode.bytes.length;
    return total;
  }

  #link(path: string, inode: SimulatedInode): void {
    this.#names.set(path, inode);
    this.#pendingNames.push({ folder: this.folderOf(path), apply: (names) => names.set(path, inode) });
  }

  /** A changing call of the host itself: it crashes before anything is changed. */
  #change(): void {
    this.#alive();
    this.#calls++;
    if (this.#calls !== this.#options.crashAt) return;
    this.#crashed = true;
    throw new SimulatedCrash('crash');
  }

  #alive(): void {
    if (this.#crashed) throw new SimulatedCrash('the host has crashed');
  }

  #tick(): bigint {
    this.#clock += 1000n;
    return this.#clock;
  }

  #error(path: string, operation: string, errno: string): HostError {
    return new HostError({ path, operation, errno, reason: errno });
  }
}

function identityOf(inode: SimulatedInode): HostFileIdentity {
  return { dev: 1n, ino: inode.ino, size: inode.bytes.length, mtimeNs: inode.mtimeNs };
}

/** What a write that is cut short has written: it ends where a sector of the file ends. */
function firstHalf(offset: number, data: Uint8Array): Uint8Array {
  const end = Math.floor((offset + data.length / 2) / SECTOR) * SECTOR;
  return data.subarray(0, Math.max(0, end - offset));
}

/** An open file of a {@link SimulatedHost}. */
class SimulatedFile implements HostFile {
  readonly direct = true;
  readonly #host: SimulatedHost;
  readonly #inode: SimulatedInode;

  constructor(
    host: SimulatedHost,
    readonly path: string,
    inode: SimulatedInode,
    readonly writable: boolean,
  ) {
    this.#host = host;
    this.#inode = inode;
  }

  get size(): number {
    return this.#inode.bytes.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.#host.requireAlive();
    return this.#inode.bytes.slice(offset, offset + length);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    const grows = Math.max(0, offset + data.length - this.size);
    this.#change(
      grows,
      (now) => this.#inode.write(offset, data, now),
      () => this.#inode.write(offset, firstHalf(offset, data), this.#inode.mtimeNs + 1n),
    );
  }

  async truncate(size: number): Promise<void> {
    this.#change(
      size - this.size,
      (now) => this.#inode.truncate(size, now),
      () => {},
    );
  }

  async punchHole(offset: number, length: number): Promise<void> {
    return this.write(offset, new Uint8Array(length));
  }

  async *extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    if (length > 0) yield { offset, length, kind: 'data' };
  }

  async flush(): Promise<void> {
    this.#change(
      0,
      () => this.#inode.flush(),
      () => {},
    );
  }

  async identity(): Promise<HostFileIdentity> {
    this.#host.requireAlive();
    return identityOf(this.#inode);
  }

  async close(): Promise<void> {}

  #change(grows: number, change: (now: bigint) => void, torn: () => void): void {
    if (!this.writable) throw new HostError({ path: this.path, operation: 'write', errno: 'EBADF', reason: 'EBADF' });
    this.#host.changeFile(this.#inode, this.path, grows, change, torn);
  }
}

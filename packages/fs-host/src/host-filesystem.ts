import {
  type BlockDevice,
  CapabilityError,
  type DirEntry,
  type FileExtent,
  type FileSystem,
  type FileType,
  type FsAbility,
  FsError,
  type FsIdentity,
  type FsNode,
  type FsStat,
  type FsStatvfs,
  type IoOptions,
  type NewNode,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  type SetAttributes,
  type SparseFs,
  throwIfAborted,
  type WritableFs,
  type XattrFs,
} from '@vmcraft/core';
import type { Attachment } from './attachment.js';
import type { HelperAnswer, HostHelper } from './helper.js';
import { type HostNode, NodeTable } from './nodes.js';
import { fromWire, toWire } from './wire.js';

/** Bytes of one request; more are several. */
const RUN = 4 << 20;

type WireTime = readonly [sec: number, nsec: number];

/** What the helper tells of an object (`describe` in tree.py). */
interface WireStat {
  readonly ino: number;
  readonly dev: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly rdev: readonly [number, number];
  readonly blocks: number;
  readonly bsize: number;
  readonly atime: WireTime;
  readonly mtime: WireTime;
  readonly ctime: WireTime;
}

/** A file system that this host has mounted, through the helper that holds the mount. */
export class HostFileSystem implements FileSystem, WritableFs, XattrFs, SparseFs {
  readonly caseInsensitive = false;
  readonly abilities: ReadonlySet<FsAbility>;
  readonly #nodes: NodeTable;
  #closing: Promise<void> | undefined;

  private constructor(
    readonly identity: FsIdentity,
    readonly device: BlockDevice,
    readonly readonly: boolean,
    /** Name of the mount in the helper. */
    readonly mount: string,
    readonly attachment: Attachment,
    readonly helper: HostHelper,
    root: WireStat,
    private readonly released: () => Promise<void>,
  ) {
    this.#nodes = new NodeTable(root);
    // zfs-fuse has no attributes.
    const attributes: readonly FsAbility[] = identity.type === 'zfs_member' ? [] : ['xattr'];
    this.abilities = new Set<FsAbility>(readonly ? attributes : ['write', 'sparse', ...attributes]);
  }

  /** Over a mount that the helper has made. @param released called at the end, after unmounting: detaches */
  static async over(
    parts: {
      readonly identity: FsIdentity;
      readonly device: BlockDevice;
      readonly readonly: boolean;
      readonly mount: string;
      readonly attachment: Attachment;
      readonly helper: HostHelper;
    },
    released: () => Promise<void>,
  ): Promise<HostFileSystem> {
    const { identity, device, readonly, mount, attachment, helper } = parts;
    const { result } = await helper.request<WireStat>('stat', { tree: mount, path: [] }, undefined, { path: '/' });
    return new HostFileSystem(identity, device, readonly, mount, attachment, helper, result, released);
  }

  get root(): FsNode {
    return this.#nodes.root;
  }

  async lookup(dir: FsNode, name: string): Promise<FsNode | undefined> {
    const parent = hostNode(dir);
    const wire = toWire(name);
    if (wire === '' || wire.includes('/') || wire.includes('\0')) return undefined;
    const path = [...parent.path('lookup'), wire];
    const { result } = await this.#ask<WireStat | null>('lookup', path);
    return result === null ? undefined : this.#nodes.at(parent, wire, result);
  }

  async stat(node: FsNode): Promise<FsStat> {
    const { result } = await this.#ask<WireStat>('stat', hostNode(node).path('stat'));
    const { mode, nlink, uid, gid, size, blocks, bsize, rdev, atime, mtime, ctime } = result;
    return {
      ino: node.ino,
      mode,
      nlink,
      uid,
      gid,
      size,
      blocks,
      blockSize: bsize,
      rdev: { major: rdev[0], minor: rdev[1] },
      atime: time(atime),
      mtime: time(mtime),
      ctime: time(ctime),
    };
  }

  async *readdir(dir: FsNode, options?: IoOptions): AsyncGenerator<DirEntry> {
    const parent = hostNode(dir);
    const entries: [name: string, ino: number, type: FileType][] = [];
    await this.#ask('readdir', parent.path('readdir'), {}, undefined, (part) => {
      entries.push(...(part as [string, number, FileType][]));
    });
    for (const [name, ino, type] of entries) {
      throwIfAborted(options?.signal, 'readdir');
      const node = await this.#entryNode(parent, name, ino, type);
      if (node !== undefined) yield { name: fromWire(name), node, type };
    }
  }

  /** A directory may be the root of another subvolume, which numbers its objects anew: only stat(2) tells. */
  async #entryNode(parent: HostNode, name: string, ino: number, type: FileType): Promise<HostNode | undefined> {
    if (type !== 'd' || this.identity.type !== 'btrfs') return this.#nodes.at(parent, name, { ino, dev: parent.dev });
    const { result } = await this.#ask<WireStat | null>('lookup', [...parent.path('readdir'), name]);
    return result === null ? undefined : this.#nodes.at(parent, name, result);
  }

  async read(node: FsNode, offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const path = hostNode(node).path('read');
    const parts: Uint8Array[] = [];
    for (let done = 0; done < length; ) {
      throwIfAborted(options?.signal, 'read');
      const wanted = Math.min(RUN, length - done);
      const { data } = await this.#ask('read', path, { offset: offset + done, length: wanted });
      parts.push(data);
      done += data.length;
      if (data.length < wanted) break;
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : new Uint8Array(Buffer.concat(parts));
  }

  async readlink(node: FsNode): Promise<string> {
    const { result } = await this.#ask<string>('readlink', hostNode(node).path('readlink'));
    return fromWire(result);
  }

  async statfs(): Promise<FsStatvfs> {
    const { result: s } = await this.#ask<Record<string, number>>('statfs', []);
    return {
      blockSize: s.bsize ?? 0,
      fragmentSize: s.frsize ?? 0,
      blocks: s.blocks ?? 0,
      blocksFree: s.bfree ?? 0,
      blocksAvailable: s.bavail ?? 0,
      files: s.files ?? 0,
      filesFree: s.ffree ?? 0,
      fsid: BigInt(s.fsid ?? 0),
      nameMax: s.namemax ?? 255,
    };
  }

  async create(dir: FsNode, name: string, attributes: NewNode): Promise<FsNode> {
    const { mode, uid = 0, gid = 0, rdev, target } = attributes;
    const parent = hostNode(dir);
    const wire = toWire(name);
    const { result } = await this.#ask<WireStat>('create', [...parent.path('create'), wire], {
      mode,
      uid,
      gid,
      ...(rdev === undefined ? {} : { rdev: [rdev.major, rdev.minor] }),
      ...((mode & S_IFMT) === S_IFLNK ? { target: toWire(target ?? '') } : {}),
    });
    return this.#nodes.at(parent, wire, result);
  }

  async link(node: FsNode, dir: FsNode, name: string): Promise<void> {
    const stat = await this.stat(node);
    if ((stat.mode & S_IFMT) === S_IFDIR) throw new FsError('EPERM', { operation: 'link' });
    const to = [...hostNode(dir).path('link'), toWire(name)];
    await this.#ask('link', hostNode(node).path('link'), { to });
  }

  async unlink(dir: FsNode, name: string): Promise<void> {
    await this.#remove('unlink', dir, name);
  }

  async rmdir(dir: FsNode, name: string): Promise<void> {
    await this.#remove('rmdir', dir, name);
  }

  async #remove(what: 'unlink' | 'rmdir', dir: FsNode, name: string): Promise<void> {
    const parent = hostNode(dir);
    const wire = toWire(name);
    await this.#ask(what, [...parent.path(what), wire]);
    this.#nodes.removed(parent, wire);
  }

  async rename(fromDir: FsNode, fromName: string, toDir: FsNode, toName: string): Promise<void> {
    const [from, to] = [hostNode(fromDir), hostNode(toDir)];
    const [name, newName] = [toWire(fromName), toWire(toName)];
    await this.#ask('rename', [...from.path('rename'), name], { to: [...to.path('rename'), newName] });
    this.#nodes.renamed(from, name, to, newName);
  }

  async write(node: FsNode, offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    const path = hostNode(node).path('write');
    for (let done = 0; done < data.length; done += RUN) {
      throwIfAborted(options?.signal, 'write');
      await this.#ask('write', path, { offset: offset + done }, data.subarray(done, done + RUN));
    }
  }

  async truncate(node: FsNode, size: number): Promise<void> {
    await this.#ask('truncate', hostNode(node).path('truncate'), { size });
  }

  /** The kernel sets change and creation times itself. */
  async setattr(node: FsNode, attributes: SetAttributes): Promise<void> {
    const { mode, uid, gid, atime, mtime } = attributes;
    await this.#ask('setattr', hostNode(node).path('setattr'), {
      ...(mode === undefined ? {} : { mode }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      ...(atime === undefined ? {} : { atime: [atime.sec, atime.nsec] }),
      ...(mtime === undefined ? {} : { mtime: [mtime.sec, mtime.nsec] }),
    });
  }

  async sync(): Promise<void> {
    if (!this.readonly) await this.#ask('sync', []);
  }

  async listXattr(node: FsNode): Promise<readonly string[]> {
    const { result } = await this.#ask<string[]>('listxattr', hostNode(node).path('listxattr'));
    return result.map(fromWire);
  }

  async getXattr(node: FsNode, name: string): Promise<Uint8Array | undefined> {
    const path = hostNode(node).path('getxattr');
    const { result, data } = await this.#ask<boolean>('getxattr', path, { name: toWire(name) });
    return result ? data : undefined;
  }

  async setXattr(node: FsNode, name: string, value: Uint8Array): Promise<void> {
    await this.#ask('setxattr', hostNode(node).path('setxattr'), { name: toWire(name) }, value);
  }

  async removeXattr(node: FsNode, name: string): Promise<void> {
    await this.#ask('removexattr', hostNode(node).path('removexattr'), { name: toWire(name) });
  }

  async *extents(node: FsNode): AsyncGenerator<FileExtent> {
    const { result } = await this.#ask<{ runs: [number, number, number][] }>('extents', hostNode(node).path('extents'));
    for (const [start, data, end] of result.runs) {
      if (data > start) yield { offset: start, length: data - start, kind: 'hole' };
      if (end > data) yield { offset: data, length: end - data, kind: 'data' };
    }
  }

  async punchHole(node: FsNode, offset: number, length: number): Promise<void> {
    await this.#ask('punch', hostNode(node).path('punch_hole'), { offset, length });
  }

  async allocate(node: FsNode, offset: number, length: number): Promise<void> {
    await this.#ask('allocate', hostNode(node).path('allocate'), { offset, length });
  }

  /** Unmount and detach. Everything has reached the device then. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      try {
        await this.helper.request('umount', { mount: this.mount });
      } finally {
        await this.released();
      }
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #ask<T = unknown>(
    what: string,
    path: readonly string[],
    parameters: object = {},
    data?: Uint8Array,
    part?: (result: unknown) => void,
  ): Promise<HelperAnswer<T>> {
    if (this.#closing !== undefined)
      throw new CapabilityError({ capability: what, subject: 'the file system', reason: 'it is closed' });
    const shown = `/${path.map(fromWire).join('/')}`;
    const subject = {
      path: shown,
      ...(part === undefined ? {} : { part: (r: { result?: unknown }) => part(r.result) }),
    };
    return this.helper.request<T>(what, { ...parameters, tree: this.mount, path }, data, subject);
  }
}

function hostNode(node: FsNode): HostNode {
  return node as HostNode;
}

function time([sec, nsec]: WireTime): { sec: number; nsec: number } {
  return { sec, nsec };
}

import type {
  BlockDevice,
  DirEntry,
  FileSystem,
  FsAbility,
  FsNode,
  FsStat,
  FsStatvfs,
  NewNode,
  SetAttributes,
  WritableFs,
} from '../contracts/index.js';
import { S_IFDIR, S_IFMT } from '../contracts/index.js';
import { FsError } from '../errors/index.js';

interface BaseNode extends FsNode {
  mode: number;
  uid: number;
  gid: number;
  readonly children: Map<string, BaseNode>;
}

const EPOCH = { sec: 0, nsec: 0 };

/** A device of no bytes: the base has no disk. */
const NO_DEVICE: BlockDevice = {
  size: 0,
  sectorSize: 512,
  writable: false,
  read: async () => new Uint8Array(0),
  write: async () => {
    throw new FsError('EROFS', { operation: 'write' });
  },
  flush: async () => undefined,
  close: async () => undefined,
};

/** The empty tree under all mounts. Holds directories only: the places that `mkmountpoint` makes. */
export class BaseFileSystem implements FileSystem, WritableFs {
  readonly identity = { type: 'rootfs', driver: 'core' };
  readonly device = NO_DEVICE;
  readonly readonly = false;
  readonly caseInsensitive = false;
  readonly abilities: ReadonlySet<FsAbility> = new Set<FsAbility>(['write']);
  #nextIno = 1;
  readonly root: BaseNode = this.#directory({ mode: S_IFDIR | 0o755 });

  #directory(attributes: NewNode): BaseNode {
    const { mode, uid = 0, gid = 0 } = attributes;
    return { ino: this.#nextIno++, mode, uid, gid, children: new Map() };
  }

  async lookup(dir: FsNode, name: string): Promise<FsNode | undefined> {
    return (dir as BaseNode).children.get(name);
  }

  async stat(node: FsNode): Promise<FsStat> {
    const { ino, mode, uid, gid, children } = node as BaseNode;
    const rdev = { major: 0, minor: 0 };
    const times = { atime: EPOCH, mtime: EPOCH, ctime: EPOCH };
    return { ino, mode, nlink: 2 + children.size, uid, gid, rdev, size: 0, blocks: 0, blockSize: 4096, ...times };
  }

  async *readdir(dir: FsNode): AsyncIterable<DirEntry> {
    for (const [name, node] of (dir as BaseNode).children) yield { name, node, type: 'd' };
  }

  async read(): Promise<Uint8Array> {
    throw new FsError('EISDIR', { operation: 'read' });
  }

  async readlink(): Promise<string> {
    throw new FsError('EINVAL', { operation: 'readlink' });
  }

  async statfs(): Promise<FsStatvfs> {
    const none = { blocks: 0, blocksFree: 0, blocksAvailable: 0, files: 0, filesFree: 0 };
    return { blockSize: 4096, fragmentSize: 4096, ...none, fsid: 0n, nameMax: 255 };
  }

  async create(dir: FsNode, name: string, attributes: NewNode): Promise<FsNode> {
    if ((attributes.mode & S_IFMT) !== S_IFDIR) {
      throw new FsError('EROFS', { operation: 'create', path: name, reason: 'no file system is mounted here' });
    }
    const { children } = dir as BaseNode;
    if (children.has(name)) throw new FsError('EEXIST', { operation: 'mkdir', path: name });
    const node = this.#directory(attributes);
    children.set(name, node);
    return node;
  }

  async link(): Promise<void> {
    throw new FsError('EPERM', { operation: 'link' });
  }

  async unlink(_dir: FsNode, name: string): Promise<void> {
    throw new FsError('EISDIR', { operation: 'unlink', path: name });
  }

  async rmdir(dir: FsNode, name: string): Promise<void> {
    const { children } = dir as BaseNode;
    const node = children.get(name);
    if (node === undefined) throw new FsError('ENOENT', { operation: 'rmdir', path: name });
    if (node.children.size > 0) throw new FsError('ENOTEMPTY', { operation: 'rmdir', path: name });
    children.delete(name);
  }

  async rename(fromDir: FsNode, fromName: string, toDir: FsNode, toName: string): Promise<void> {
    const from = (fromDir as BaseNode).children;
    const node = from.get(fromName);
    if (node === undefined) throw new FsError('ENOENT', { operation: 'rename', path: fromName });
    const to = (toDir as BaseNode).children;
    if ((to.get(toName)?.children.size ?? 0) > 0) throw new FsError('ENOTEMPTY', { operation: 'rename', path: toName });
    from.delete(fromName);
    to.set(toName, node);
  }

  async write(): Promise<void> {
    throw new FsError('EISDIR', { operation: 'write' });
  }

  async truncate(): Promise<void> {
    throw new FsError('EISDIR', { operation: 'truncate' });
  }

  async setattr(node: FsNode, attributes: SetAttributes): Promise<void> {
    const base = node as BaseNode;
    if (attributes.mode !== undefined) base.mode = (base.mode & S_IFMT) | attributes.mode;
    base.uid = attributes.uid ?? base.uid;
    base.gid = attributes.gid ?? base.gid;
  }

  async sync(): Promise<void> {}

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

import type {
  BlockDevice,
  DirEntry,
  FileSystem,
  FileType,
  FsAbility,
  FsIdentity,
  FsNode,
  FsStat,
  FsStatvfs,
} from '@vmcraft/core';
import { encodeUtf8, FsError, S_IFLNK, S_IFMT } from '@vmcraft/core';
import type { MemoryNode } from './memory-tree.js';

/** The reading half of the reference file system. */
export class MemoryFs implements FileSystem {
  readonly identity: FsIdentity = { type: 'memfs', driver: 'reference-fs' };
  readonly caseInsensitive = false;
  readonly readonly: boolean = true;
  readonly abilities: ReadonlySet<FsAbility> = new Set();
  readonly root: FsNode;
  protected closed = false;

  constructor(
    readonly device: BlockDevice,
    root: MemoryNode,
  ) {
    this.root = root;
  }

  async lookup(dir: FsNode, name: string): Promise<FsNode | undefined> {
    return this.directory(dir, 'lookup').get(name);
  }

  async stat(node: FsNode): Promise<FsStat> {
    const n = this.node(node, 'stat');
    const size = (n.mode & S_IFMT) === S_IFLNK ? encodeUtf8(n.target ?? '').length : n.data.length;
    const { ino, mode, nlink, uid, gid, rdev, atime, mtime, ctime } = n;
    return {
      ino,
      mode,
      nlink,
      uid,
      gid,
      rdev,
      size,
      blocks: Math.ceil(size / 512),
      blockSize: 4096,
      atime,
      mtime,
      ctime,
    };
  }

  async *readdir(dir: FsNode): AsyncIterable<DirEntry> {
    for (const [name, node] of [...this.directory(dir, 'readdir')]) yield { name, node, type: typeLetter(node.mode) };
  }

  async read(node: FsNode, offset: number, length: number): Promise<Uint8Array> {
    const n = this.node(node, 'read');
    if (n.children !== undefined) throw new FsError('EISDIR', { operation: 'read' });
    return n.data.slice(offset, offset + length);
  }

  async readlink(node: FsNode): Promise<string> {
    const target = this.node(node, 'readlink').target;
    if (target === undefined) throw new FsError('EINVAL', { operation: 'readlink' });
    return target;
  }

  async statfs(): Promise<FsStatvfs> {
    this.node(this.root, 'statfs');
    const blocks = Math.floor(this.device.size / 4096);
    const free = { blocksFree: blocks, blocksAvailable: blocks, files: 65536, filesFree: 65536 };
    return { blockSize: 4096, fragmentSize: 4096, blocks, ...free, fsid: 0n, nameMax: 255 };
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected node(node: FsNode, operation: string): MemoryNode {
    if (this.closed) throw new FsError('EBADF', { operation, reason: 'file system is closed' });
    return node as MemoryNode;
  }

  protected directory(node: FsNode, operation: string): Map<string, MemoryNode> {
    const children = this.node(node, operation).children;
    if (children === undefined) throw new FsError('ENOTDIR', { operation });
    return children;
  }
}

const LETTERS: Readonly<Record<number, FileType>> = {
  2401: 'f',
  4802: 'c',
  9604: 'd',
  14406: 'b',
  16807: 'r',
  21609: 'l',
  26411: 's',
};

function typeLetter(mode: number): FileType {
  return LETTERS[mode & S_IFMT] ?? 'u';
}

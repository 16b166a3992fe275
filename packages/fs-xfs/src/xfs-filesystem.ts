import { decodeFileName, encodeFileName, toSafeInteger } from '@vmcraft/core/binary';
import type {
  BlockDevice,
  DirEntry,
  FileSystem,
  FsAbility,
  FsIdentity,
  FsNode,
  FsStat,
  FsStatvfs,
  IoOptions,
  XattrFs,
} from '@vmcraft/core/contracts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '@vmcraft/core/contracts';
import { CorruptImageError, FsError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { readAttributes } from './attributes.js';
import { readCounts } from './counts.js';
import { readNames, shownName } from './directory.js';
import { type Extent, readExtents, readFork } from './extents.js';
import { readInode, type XfsNode } from './inode.js';
import { Fork, SYMLINK_MAGIC } from './layout.js';
import { findName } from './lookup.js';
import { readRemote } from './remote-value.js';
import { noRealtime } from './sections.js';
import type { Volume } from './volume.js';

/** Longest symbolic link (`XFS_SYMLINK_MAXLEN`). */
const LINK_MAX = 1024;
/** Nodes whose extents are held, and extents that are held of one. */
const MAX_HELD = 256;
const MAX_HELD_EXTENTS = 65_536;

/** An XFS opened for reading. */
export class XfsFileSystem implements FileSystem, XattrFs {
  readonly readonly = true;
  readonly caseInsensitive: boolean;
  readonly abilities: ReadonlySet<FsAbility> = new Set<FsAbility>(['xattr']);
  readonly #extents = new Map<number, readonly Extent[]>();
  #closed = false;

  private constructor(
    readonly identity: FsIdentity,
    private readonly volume: Volume,
    readonly root: XfsNode,
    readonly device: BlockDevice,
  ) {
    this.caseInsensitive = volume.isCaseInsensitive;
  }

  /** @throws CorruptImageError when the root is not a directory */
  static async open(identity: FsIdentity, volume: Volume, device: BlockDevice): Promise<XfsFileSystem> {
    const root = await readInode(volume, volume.superblock.rootInode);
    if ((root.mode & S_IFMT) !== S_IFDIR) {
      throw new CorruptImageError({ structure: 'xfs_dinode', reason: 'the root is not a directory' });
    }
    return new XfsFileSystem(identity, volume, root, device);
  }

  async lookup(dir: FsNode, name: string): Promise<FsNode | undefined> {
    const directory = this.#directory(dir, 'lookup');
    const ino = await findName(this.volume, directory, await this.#extentsOf(directory), encodeFileName(name));
    return ino === undefined ? undefined : readInode(this.volume, ino);
  }

  async stat(node: FsNode): Promise<FsStat> {
    const { ino, mode, uid, gid, links, size, blocks, rdev, atime, mtime, ctime, btime } = this.#node(node, 'stat');
    const { blockSize } = this.volume;
    return {
      ino,
      mode,
      nlink: links,
      uid,
      gid,
      rdev,
      size,
      blocks: (blocks * blockSize) / 512,
      blockSize,
      atime,
      mtime,
      ctime,
      ...(btime === undefined ? {} : { btime }),
    };
  }

  async *readdir(dir: FsNode): AsyncIterable<DirEntry> {
    const directory = this.#directory(dir, 'readdir');
    for await (const { name, type, ino } of readNames(this.volume, directory, await this.#extentsOf(directory))) {
      yield { name: shownName(name), type, node: await readInode(this.volume, ino) };
    }
  }

  async read(node: FsNode, offset: number, length: number, options: IoOptions = {}): Promise<Uint8Array> {
    const inode = this.#node(node, 'read');
    if ((inode.mode & S_IFMT) === S_IFDIR) throw new FsError('EISDIR', { operation: 'read' });
    if ((inode.mode & S_IFMT) !== S_IFREG) throw new FsError('EINVAL', { operation: 'read' });
    if (this.volume.pending.contents.has(inode.ino)) throw halfDone('an exchange of contents');
    const count = Math.min(length, inode.size - offset);
    if (count <= 0) return new Uint8Array(0);
    const volume = inode.isRealtime ? this.#realtime() : this.volume;
    return readFork(volume, await this.#extentsOf(inode), offset, count, options.bulk === true);
  }

  async readlink(node: FsNode): Promise<string> {
    const inode = this.#node(node, 'readlink');
    if ((inode.mode & S_IFMT) !== S_IFLNK) throw new FsError('EINVAL', { operation: 'readlink' });
    if (inode.size > LINK_MAX) {
      const found = { field: 'size', found: inode.size, expected: `at most ${LINK_MAX}` };
      throw new CorruptImageError({ structure: 'XFS symbolic link', ...found });
    }
    if (inode.data.format === Fork.local) return decodeFileName(inode.data.data.subarray(0, inode.size));
    return decodeFileName(await readRemote(this.volume, await this.#extentsOf(inode), 0, inode.size, SYMLINK_MAGIC));
  }

  async statfs(): Promise<FsStatvfs> {
    this.#node(this.root, 'statfs');
    const { dataBlocks, logBlocks, logStart, uuid } = this.volume.superblock;
    const { blockSize } = this.volume;
    const { blocksFree, inodes, inodesFree } = await readCounts(this.volume);
    return {
      blockSize,
      fragmentSize: blockSize,
      // An internal log is not counted as space of the file system.
      blocks: toSafeInteger(dataBlocks, 'dblocks') - (logStart === 0n ? 0 : logBlocks),
      blocksFree,
      blocksAvailable: blocksFree,
      files: inodes,
      filesFree: inodesFree,
      fsid: BigInt(`0x${uuid.replaceAll('-', '').slice(0, 16)}`),
      nameMax: 255,
    };
  }

  async listXattr(node: FsNode): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const { name } of readAttributes(this.volume, this.#node(node, 'listxattr'))) names.push(name);
    return names;
  }

  async getXattr(node: FsNode, wanted: string): Promise<Uint8Array | undefined> {
    for await (const { name, value } of readAttributes(this.volume, this.#node(node, 'getxattr'))) {
      if (name === wanted) return value();
    }
    return undefined;
  }

  async setXattr(): Promise<void> {
    throw new FsError('EROFS', { operation: 'setxattr' });
  }

  async removeXattr(): Promise<void> {
    throw new FsError('EROFS', { operation: 'removexattr' });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#extents.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #node(node: FsNode, operation: string): XfsNode {
    if (this.#closed) throw new FsError('EBADF', { operation, reason: 'file system is closed' });
    return node as XfsNode;
  }

  #directory(node: FsNode, operation: string): XfsNode {
    const inode = this.#node(node, operation);
    if ((inode.mode & S_IFMT) !== S_IFDIR) throw new FsError('ENOTDIR', { operation });
    return inode;
  }

  /** The volume as contents on its realtime section are read. @throws UnsupportedFeatureError when that is not known */
  #realtime(): Volume {
    const { realtime } = this.volume;
    if (realtime === undefined) throw noRealtime(this.volume);
    return { ...this.volume, device: realtime };
  }

  /** Extents of an inode's data. */
  async #extentsOf(node: XfsNode): Promise<readonly Extent[]> {
    const held = this.#extents.get(node.ino);
    if (held !== undefined) return held;
    const extents = await readExtents(this.volume, node.data, node.ino, node.isRealtime ? 'realtime' : 'data');
    if (extents.length > MAX_HELD_EXTENTS) this.#extents.clear();
    const [oldest] = this.#extents.keys();
    if (this.#extents.size >= MAX_HELD && oldest !== undefined) this.#extents.delete(oldest);
    this.#extents.set(node.ino, extents);
    return extents;
  }
}

/** A change that the log promised, and that only mounting finishes. */
function halfDone(feature: string): UnsupportedFeatureError {
  const workaround = 'start the guest once, or mount with the option norecovery to see an older state';
  return new UnsupportedFeatureError({ structure: 'XFS log', feature: `${feature} that is half done`, workaround });
}

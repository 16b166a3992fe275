import { encodeFileName, toSafeInteger } from '@vmcraft/core/binary';
import type {
  BlockDevice,
  DirEntry,
  FileSystem,
  FsAbility,
  FsIdentity,
  FsNode,
  FsStat,
  FsStatvfs,
  XattrFs,
} from '@vmcraft/core/contracts';
import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import { BlockPlaces } from './block-places.js';
import { findName, positionOf, readListing, shownName, u32At } from './directory.js';
import { type DirectoryNode, type FileNode, packedSize, readInode, type SquashNode } from './inode.js';
import { FragmentEntry, NONE } from './layout.js';
import type { Volume } from './volume.js';
import { attributeValue, listAttributes } from './xattrs.js';

/** A Squashfs opened for reading. */
export class SquashFileSystem implements FileSystem, XattrFs {
  readonly readonly = true;
  readonly caseInsensitive = false;
  readonly abilities: ReadonlySet<FsAbility> = new Set<FsAbility>(['xattr']);
  readonly #ids = new Map<number, number>();
  readonly #places: BlockPlaces;
  #closed = false;

  private constructor(
    readonly device: BlockDevice,
    readonly identity: FsIdentity,
    private readonly volume: Volume,
    readonly root: SquashNode,
  ) {
    this.#places = new BlockPlaces(volume);
  }

  /** @throws CorruptImageError when the root is not a directory */
  static async open(device: BlockDevice, identity: FsIdentity, volume: Volume): Promise<SquashFileSystem> {
    const { rootInode, inodeTable } = volume.superblock;
    const root = await readInode(volume, positionOf(rootInode, inodeTable));
    if (root.kind !== 'directory') {
      throw new CorruptImageError({ structure: 'squashfs inode', reason: 'the root is not a directory' });
    }
    return new SquashFileSystem(device, identity, volume, root);
  }

  async lookup(dir: FsNode, name: string): Promise<FsNode | undefined> {
    const found = await findName(this.volume, this.#directory(dir, 'lookup'), encodeFileName(name));
    return found === undefined ? undefined : readInode(this.volume, found.position);
  }

  async stat(node: FsNode): Promise<FsStat> {
    const inode = this.#node(node, 'stat');
    const time = { sec: inode.mtime, nsec: 0 };
    const stored = inode.kind === 'file' ? await packedSize(this.volume, inode) : 0;
    return {
      ino: inode.ino,
      mode: inode.mode,
      nlink: inode.links,
      uid: await this.#id(inode.uidIndex),
      gid: await this.#id(inode.gidIndex),
      rdev: ('rdev' in inode ? inode.rdev : undefined) ?? { major: 0, minor: 0 },
      size: inode.size,
      blocks: Math.ceil(stored / 512),
      blockSize: this.volume.blockSize,
      atime: time,
      mtime: time,
      ctime: time,
    };
  }

  async *readdir(dir: FsNode): AsyncIterable<DirEntry> {
    for await (const { name, type, position } of readListing(this.volume, this.#directory(dir, 'readdir'))) {
      yield { name: shownName(name), type, node: await readInode(this.volume, position) };
    }
  }

  async read(node: FsNode, offset: number, length: number): Promise<Uint8Array> {
    const inode = this.#node(node, 'read');
    if (inode.kind === 'directory') throw new FsError('EISDIR', { operation: 'read' });
    if (inode.kind !== 'file') throw new FsError('EINVAL', { operation: 'read' });
    const end = Math.min(offset + length, inode.size);
    if (end <= offset) return new Uint8Array(0);
    const { blockSize } = this.volume;
    const out = new Uint8Array(end - offset);
    for (let index = Math.floor(offset / blockSize); index * blockSize < end; index++) {
      const block = await this.#block(inode, index);
      const from = Math.max(offset, index * blockSize);
      out.set(block.subarray(from - index * blockSize, end - index * blockSize), from - offset);
    }
    return out;
  }

  async readlink(node: FsNode): Promise<string> {
    const inode = this.#node(node, 'readlink');
    if (inode.kind !== 'symlink') throw new FsError('EINVAL', { operation: 'readlink' });
    return inode.target!;
  }

  async statfs(): Promise<FsStatvfs> {
    this.#node(this.root, 'statfs');
    const { bytesUsed, inodeCount } = this.volume.superblock;
    const { blockSize } = this.volume;
    const blocks = Math.ceil(toSafeInteger(bytesUsed, 'bytesUsed') / blockSize);
    const none = { blocksFree: 0, blocksAvailable: 0, filesFree: 0 };
    return { blockSize, fragmentSize: blockSize, blocks, files: inodeCount, ...none, fsid: 0n, nameMax: 256 };
  }

  async listXattr(node: FsNode): Promise<readonly string[]> {
    const { xattr } = this.#node(node, 'listxattr');
    return xattr === undefined ? [] : listAttributes(this.volume, xattr);
  }

  async getXattr(node: FsNode, name: string): Promise<Uint8Array | undefined> {
    const { xattr } = this.#node(node, 'getxattr');
    return xattr === undefined ? undefined : attributeValue(this.volume, xattr, name);
  }

  async setXattr(): Promise<void> {
    throw new FsError('EROFS', { operation: 'setxattr' });
  }

  async removeXattr(): Promise<void> {
    throw new FsError('EROFS', { operation: 'removexattr' });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.volume.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #node(node: FsNode, operation: string): SquashNode {
    if (this.#closed) throw new FsError('EBADF', { operation, reason: 'file system is closed' });
    return node as SquashNode;
  }

  #directory(node: FsNode, operation: string): DirectoryNode {
    const inode = this.#node(node, operation);
    if (inode.kind !== 'directory') throw new FsError('ENOTDIR', { operation });
    return inode;
  }

  /** A user or group number (format, section 3.5). */
  async #id(index: number): Promise<number> {
    const known = this.#ids.get(index);
    if (known !== undefined) return known;
    const { idTable, idCount } = this.volume.superblock;
    if (index >= idCount) {
      throw new CorruptImageError({
        structure: 'squashfs ID table',
        field: 'index',
        found: index,
        expected: `below ${idCount}`,
      });
    }
    const id = u32At(await this.volume.tableEntry(idTable, index, 4));
    this.#ids.set(index, id);
    return id;
  }

  /** Bytes of a file's block; the last one may be longer than the file. */
  async #block(file: FileNode, index: number): Promise<Uint8Array> {
    const { blockSize } = this.volume;
    const expected = Math.min(blockSize, file.size - index * blockSize);
    if (index >= file.blocks) return this.#fragment(file, expected);
    const { position, size } = await this.#places.find(file, index);
    return size === 0 ? new Uint8Array(expected) : this.volume.dataBlock(position, size, expected);
  }

  async #fragment(file: FileNode, length: number): Promise<Uint8Array> {
    const { fragmentTable, fragmentCount } = this.volume.superblock;
    if (file.fragment === NONE || file.fragment >= fragmentCount) {
      throw new CorruptImageError({
        structure: 'squashfs file inode',
        field: 'fragment',
        found: file.fragment,
        expected: `below ${fragmentCount}`,
      });
    }
    const raw = await this.volume.tableEntry(fragmentTable, file.fragment, FragmentEntry.size);
    const { start, size } = FragmentEntry.decode(raw);
    const data = await this.volume.dataBlock(toSafeInteger(start, 'fragment start'), size, 0);
    if (file.fragmentOffset + length > data.length) {
      throw new CorruptImageError({
        structure: 'squashfs file inode',
        field: 'fragmentOffset',
        found: file.fragmentOffset,
        expected: `at most ${data.length - length}`,
      });
    }
    return data.subarray(file.fragmentOffset, file.fragmentOffset + length);
  }
}

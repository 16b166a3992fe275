import { decodeFileName, encodeFileName } from '@vmcraft/core/binary';
import type {
  BlockDevice,
  DirEntry,
  FileExtent,
  FileSystem,
  FsAbility,
  FsIdentity,
  FsNode,
  FsStat,
  FsStatvfs,
  InodeFlagsFs,
  IoOptions,
  LabelFs,
  NewNode,
  ResizableFs,
  SetAttributes,
  SparseFs,
  TrimFs,
  TunableFs,
  WritableFs,
  XattrFs,
} from '@vmcraft/core/contracts';
import { CapabilityError, FsError, UsageError } from '@vmcraft/core/errors';
import { entryBatches, nameBytes, requireDirectory, TYPE_LETTERS } from './directory.js';
import { findEntry } from './directory-lookup.js';
import { readContent, requireReadable } from './file-data.js';
import { freeExtents } from './free-extents.js';
import type { Inode } from './inode.js';
import { INO_ROOT } from './layout.js';
import { fileExtents } from './sparse-read.js';
import { statfsOf } from './statfs.js';
import { readSymlink } from './symlink.js';
import { describeSuperblock } from './tune-describe.js';
import { openVolume, type Volume } from './volume.js';
import type { Writer } from './writer.js';
import { getXattr, listXattrs } from './xattr.js';

/** Flags that the kernel shows (`EXT4_FL_USER_VISIBLE`). */
const FLAGS_VISIBLE = 0x725bdfff;

/** What {@link ExtFileSystem} is made of. */
export interface ExtFileSystemParts {
  readonly volume: Volume;
  /** The device as given, not the cache over it. */
  readonly device: BlockDevice;
  /** Does the changes; absent when read-only. */
  readonly writer?: Writer;
  /** Why it is read-only, when it was to be writable. */
  readonly obstacle?: string;
}

/** An opened ext2, ext3 or ext4 file system. */
export class ExtFileSystem
  implements FileSystem, WritableFs, XattrFs, SparseFs, TrimFs, LabelFs, InodeFlagsFs, TunableFs, ResizableFs
{
  readonly device: BlockDevice;
  readonly readonly: boolean;
  readonly caseInsensitive = false;
  readonly abilities: ReadonlySet<FsAbility>;
  readonly takesBuffers = true;
  readonly root: FsNode = { ino: INO_ROOT };
  #volume: Volume;
  #writer: Writer | undefined;
  #closed = false;
  readonly #obstacle: string | undefined;

  constructor(parts: ExtFileSystemParts) {
    this.device = parts.device;
    this.#volume = parts.volume;
    this.#writer = parts.writer;
    this.#obstacle = parts.obstacle;
    this.readonly = parts.writer === undefined;
    const always: FsAbility[] = ['xattr', 'sparse', 'trim', 'flags', 'tune'];
    this.abilities = new Set(this.readonly ? always : [...always, 'write', 'label', 'resize']);
  }

  get identity(): FsIdentity {
    return { driver: 'fs-ext', ...this.#volume.superblock.signature() };
  }

  /** The parts below, for checking, tuning and resizing. */
  get volume(): Volume {
    return this.#volume;
  }

  #requireOpen(): void {
    if (this.#closed) throw new UsageError('the file system is closed');
  }

  #inode(node: FsNode): Inode | Promise<Inode> {
    this.#requireOpen();
    const { inodes } = this.#volume;
    const busy = this.#writer?.busy;
    return busy === undefined ? inodes.live(node.ino) : busy.then(() => inodes.live(node.ino));
  }

  #writable(operation: string): Writer {
    this.#requireOpen();
    if (this.#writer !== undefined) return this.#writer;
    throw CapabilityError.readOnly('ext4 file system', this.#obstacle ?? `${operation} on a read-only file system`);
  }

  async lookup(dir: FsNode, name: string): Promise<FsNode | undefined> {
    const inode = await this.#inode(dir);
    requireDirectory(inode, 'lookup');
    const found = await findEntry(this.#volume, inode, encodeFileName(name));
    return found === undefined ? undefined : { ino: found.ino };
  }

  async stat(node: FsNode): Promise<FsStat> {
    return (await this.#inode(node)).stat();
  }

  async *readdir(dir: FsNode, options?: IoOptions): AsyncGenerator<DirEntry> {
    const inode = await this.#inode(dir);
    requireDirectory(inode, 'readdir');
    const batches = entryBatches(this.#volume, inode);
    const source = this.#writer === undefined ? batches : await collect(batches);
    for await (const { entries, data } of source) {
      options?.signal?.throwIfAborted();
      for (const entry of entries) {
        yield {
          name: decodeFileName(nameBytes(data, entry)),
          node: { ino: entry.ino },
          type: TYPE_LETTERS[entry.fileType] ?? 'u',
        };
      }
    }
  }

  async read(node: FsNode, offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const inode = await this.#inode(node);
    if (inode.isDirectory) throw new FsError('EISDIR', { operation: 'read', path: `inode ${node.ino}` });
    if (!inode.isRegular) throw new FsError('EINVAL', { operation: 'read', path: `inode ${node.ino}` });
    if (!(offset >= 0 && length >= 0)) throw new FsError('EINVAL', { operation: 'read' });
    requireReadable(inode);
    return readContent(this.#volume, inode, offset, length, options);
  }

  async readlink(node: FsNode): Promise<string> {
    const inode = await this.#inode(node);
    if (!inode.isSymlink) throw new FsError('EINVAL', { operation: 'readlink', path: `inode ${node.ino}` });
    return readSymlink(this.#volume, inode);
  }

  async statfs(): Promise<FsStatvfs> {
    this.#requireOpen();
    await this.#writer?.busy;
    return statfsOf(this.#volume);
  }

  async create(dir: FsNode, name: string, attributes: NewNode): Promise<FsNode> {
    return { ino: await this.#writable('create').create(dir.ino, name, attributes) };
  }
  async link(node: FsNode, dir: FsNode, name: string): Promise<void> {
    await this.#writable('link').link(node.ino, dir.ino, name);
  }
  async unlink(dir: FsNode, name: string): Promise<void> {
    await this.#writable('unlink').unlink(dir.ino, name);
  }
  async rmdir(dir: FsNode, name: string): Promise<void> {
    await this.#writable('rmdir').rmdir(dir.ino, name);
  }
  async rename(fromDir: FsNode, fromName: string, toDir: FsNode, toName: string): Promise<void> {
    await this.#writable('rename').rename(fromDir.ino, fromName, toDir.ino, toName);
  }
  async write(node: FsNode, offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    await this.#writable('write').write(node.ino, offset, data, options);
  }
  async truncate(node: FsNode, size: number): Promise<void> {
    await this.#writable('truncate').truncate(node.ino, size);
  }
  async setattr(node: FsNode, attributes: SetAttributes): Promise<void> {
    await this.#writable('setattr').setattr(node.ino, attributes);
  }
  async sync(): Promise<void> {
    await this.#writable('sync').sync();
  }

  async listXattr(node: FsNode): Promise<readonly string[]> {
    return listXattrs(this.#volume, await this.#inode(node));
  }
  async getXattr(node: FsNode, name: string): Promise<Uint8Array | undefined> {
    return getXattr(this.#volume, await this.#inode(node), name);
  }
  async setXattr(node: FsNode, name: string, value: Uint8Array): Promise<void> {
    await this.#writable('setxattr').setXattr(node.ino, name, value);
  }
  async removeXattr(node: FsNode, name: string): Promise<void> {
    await this.#writable('removexattr').removeXattr(node.ino, name);
  }

  async *extents(node: FsNode): AsyncGenerator<FileExtent> {
    yield* fileExtents(this.#volume, await this.#inode(node));
  }
  async punchHole(node: FsNode, offset: number, length: number): Promise<void> {
    await this.#writable('punchHole').punchHole(node.ino, offset, length);
  }
  async allocate(node: FsNode, offset: number, length: number): Promise<void> {
    await this.#writable('allocate').allocate(node.ino, offset, length);
  }

  async *freeExtents(): AsyncGenerator<{ readonly offset: number; readonly length: number }> {
    await this.#writer?.busy;
    yield* freeExtents(this.#volume);
  }

  async setLabel(label: string): Promise<void> {
    await this.#writable('setLabel').setLabel(label);
  }
  async setUuid(uuid: string): Promise<void> {
    await this.#writable('setUuid').setUuid(uuid);
  }

  async describe(): Promise<ReadonlyMap<string, string>> {
    await this.#writer?.busy;
    return describeSuperblock(this.#volume.superblock);
  }
  async tune(settings: Readonly<Record<string, string | number | boolean>>): Promise<void> {
    await this.#writable('tune').tune(settings);
  }

  async minimumSize(): Promise<number> {
    await this.#writer?.busy;
    return (await import('./resize.js')).minimumSize(this.#volume);
  }
  async resize(size: number): Promise<void> {
    const { resizeVolume } = await import('./resize.js');
    await this.#writable('resize').close();
    try {
      await resizeVolume(this.#volume, size);
    } finally {
      const { warn, limits } = this.#volume;
      this.#volume = await openVolume(this.device, { warn, limits });
      this.#writer = new (await import('./writer.js')).Writer(this.#volume);
    }
  }

  async getFlags(node: FsNode): Promise<number> {
    return ((await this.#inode(node)).flags & FLAGS_VISIBLE) >>> 0;
  }
  async setFlags(node: FsNode, flags: number): Promise<void> {
    await this.#writable('setFlags').setFlags(node.ino, flags);
  }
  async getGeneration(node: FsNode): Promise<number> {
    return (await this.#inode(node)).generation;
  }
  async setGeneration(node: FsNode, generation: number): Promise<void> {
    await this.#writable('setGeneration').setGeneration(node.ino, generation);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writer?.close();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Everything at once, so that what the caller changes while it iterates cannot move entries under it. */
async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

import { throwIfAborted } from '@vmcraft/core/block';
import type {
  DirEntry,
  FileExtent,
  FileSystem,
  FsAbility,
  FsIdentity,
  FsNode,
  FsStat,
  FsStatvfs,
  IoOptions,
  SparseFs,
  XattrFs,
} from '@vmcraft/core/contracts';
import { FsError, UsageError } from '@vmcraft/core/errors';
import { sizeOf } from './attribute.js';
import type { Bitmap } from './bitmap.js';
import { directoryIndex, findName, Listing, requireOther } from './directory.js';
import { ContentReader, readLink, specialFile } from './file-content.js';
import type { Inode } from './inode.js';
import { AttributeType, FileAttribute, MAX_NAME_LENGTH, SystemFile } from './layout.js';
import type { MountOptions } from './mount-options.js';
import { NtfsNode } from './node.js';
import { SecureStore } from './security/secure-store.js';
import { extentsOf } from './sparse.js';
import { statOf } from './stat.js';
import { clusterBitmap, recordBitmap, statisticsOf } from './statfs.js';
import type { Volume } from './volume.js';
import { listXattrs, readXattr } from './xattr/xattr-read.js';

/** What a {@link NtfsFileSystem} is put together from. */
export interface FileSystemParts {
  readonly identity: FsIdentity;
  readonly volume: Volume;
  readonly options: MountOptions;
}

/** An NTFS volume opened for reading. */
export class NtfsFileSystem implements FileSystem, XattrFs, SparseFs {
  readonly device: Volume['device'];
  readonly readonly: boolean = true;
  readonly caseInsensitive = true;
  readonly takesBuffers = true;
  readonly abilities: ReadonlySet<FsAbility> = new Set<FsAbility>(['trim', 'xattr', 'sparse']);
  readonly root: NtfsNode;
  protected readonly volume: Volume;
  protected readonly options: MountOptions;
  protected readonly content: ContentReader;
  protected readonly secure: SecureStore;
  protected closed = false;
  #identity: FsIdentity;

  constructor(parts: FileSystemParts) {
    this.volume = parts.volume;
    this.options = parts.options;
    this.device = parts.volume.device;
    this.#identity = parts.identity;
    this.content = new ContentReader(parts.volume);
    this.secure = this.secureStore(parts.volume);
    this.root = new NtfsNode(parts.volume, SystemFile.root, 0);
  }

  get identity(): FsIdentity {
    return this.#identity;
  }

  protected set identity(identity: FsIdentity) {
    this.#identity = identity;
  }

  protected own(node: FsNode, operation: string): NtfsNode {
    if (this.closed) throw new UsageError('the file system is closed', { action: operation });
    if (!(node instanceof NtfsNode) || node.volume !== this.volume) {
      throw new UsageError('this node is of another file system', { action: operation });
    }
    return node;
  }

  /** Run a reading task; where someone may write, tasks take turns. */
  protected shared<T>(task: () => Promise<T>): Promise<T> {
    return task();
  }

  async lookup(fsNode: FsNode, name: string): Promise<FsNode | undefined> {
    const node = this.own(fsNode, 'lookup');
    return this.shared(async () => {
      const directory = await this.volume.inode(node);
      const tree = directoryIndex(this.volume, directory, 'lookup');
      if (name.length > MAX_NAME_LENGTH) return this.#stream(directory, name);
      const found = await findName(tree, name, 'lookup');
      if (found === undefined) return this.#stream(directory, name);
      requireOther(directory, found.entry);
      return new NtfsNode(this.volume, found.entry.record, found.entry.sequence);
    });
  }

  /** `FILE:STREAM`, where the mount option asks for it. */
  async #stream(directory: Inode, path: string): Promise<NtfsNode | undefined> {
    const colon = path.indexOf(':');
    if (this.options.streams !== 'windows' || colon <= 0) return undefined;
    const tree = directoryIndex(this.volume, directory, 'lookup');
    const found = await findName(tree, path.slice(0, colon), 'lookup');
    if (found === undefined) return undefined;
    const inode = await this.volume.mft.load(found.entry.record);
    const wanted = this.volume.upcase.fold(path.slice(colon + 1));
    const stream = inode
      .all(AttributeType.data)
      .find((a) => a.name !== '' && this.volume.upcase.fold(a.name) === wanted);
    if (stream === undefined) return undefined;
    return new NtfsNode(this.volume, inode.number, inode.sequence, stream.name, stream.instance);
  }

  /** A file by the number of its record, also one of the system. */
  async nodeOf(ino: number): Promise<FsNode> {
    this.own(this.root, 'lookup');
    return this.shared(async () => {
      const { number, sequence } = await this.volume.mft.load(ino);
      return new NtfsNode(this.volume, number, sequence);
    });
  }

  async stat(fsNode: FsNode): Promise<FsStat> {
    const node = this.own(fsNode, 'stat');
    if (this.readonly) return this.#stat(node);
    return this.shared(() => this.#stat(node));
  }

  async #stat(node: NtfsNode): Promise<FsStat> {
    const inode = this.volume.peekNode(node) ?? (await this.volume.inode(node));
    const maySpecial = (inode.fileAttributes & (FileAttribute.system | FileAttribute.reparsePoint)) !== 0;
    const special = maySpecial && node.stream === '' ? await specialFile(this.volume, inode) : undefined;
    return statOf(node, inode, special, this.options, this.volume.geometry);
  }

  async *readdir(fsNode: FsNode, options?: IoOptions): AsyncGenerator<DirEntry> {
    const node = this.own(fsNode, 'readdir');
    const listing = await this.shared(async () => {
      const inode = await this.volume.inode(node);
      const tree = directoryIndex(this.volume, inode, 'readdir');
      return new Listing(this.volume, node, tree, {
        showSystemFiles: this.options.showSystemFiles,
        maxEntries: this.volume.limits.maxDirEntries,
      });
    });
    for (;;) {
      throwIfAborted(options?.signal, 'readdir');
      this.own(node, 'readdir');
      const batch = await this.shared(() => listing.next());
      if (batch === undefined) return;
      yield* batch;
    }
  }

  async read(fsNode: FsNode, offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const node = this.own(fsNode, 'read');
    if (!(offset >= 0 && length >= 0)) throw new FsError('EINVAL', { operation: 'read' });
    return this.shared(async () => {
      const inode = await this.volume.inode(node);
      if (inode.isDirectory && node.stream === '') throw new FsError('EISDIR', { operation: 'read' });
      const data = await this.content.read(inode, node.stream, offset, length, options);
      // Values in a record change in place when someone writes.
      return this.readonly ? data : data.slice();
    });
  }

  async readlink(fsNode: FsNode): Promise<string> {
    const node = this.own(fsNode, 'readlink');
    return this.shared(async () => readLink(this.volume, await this.volume.inode(node)));
  }

  /** The store of security descriptors; one that can take new ones where the volume is written. */
  protected secureStore(volume: Volume): SecureStore {
    return new SecureStore(volume);
  }

  async listXattr(fsNode: FsNode): Promise<readonly string[]> {
    const node = this.own(fsNode, 'listxattr');
    if (node.stream !== '') return [];
    return this.shared(async () => listXattrs(await this.volume.inode(node)));
  }

  async getXattr(fsNode: FsNode, name: string): Promise<Uint8Array | undefined> {
    const node = this.own(fsNode, 'getxattr');
    if (node.stream !== '') return undefined;
    return this.shared(async () =>
      readXattr({ volume: this.volume, secure: this.secure }, await this.volume.inode(node), name),
    );
  }

  async setXattr(_node: FsNode, name: string, _value: Uint8Array): Promise<void> {
    throw new FsError('EROFS', { operation: 'setxattr', path: name });
  }

  async removeXattr(_node: FsNode, name: string): Promise<void> {
    throw new FsError('EROFS', { operation: 'removexattr', path: name });
  }

  async *extents(fsNode: FsNode): AsyncGenerator<FileExtent> {
    const node = this.own(fsNode, 'extents');
    const { attribute, behind } = await this.shared(async () => {
      const inode = await this.volume.inode(node);
      return { attribute: this.content.stream(inode, node.stream), behind: inode.isReparsePoint && node.stream === '' };
    });
    if (attribute === undefined) return;
    // The clusters of an overlaid file say nothing about its contents.
    if (!behind) yield* extentsOf(attribute, this.volume.geometry.clusterSize);
    else if (sizeOf(attribute) > 0) yield { offset: 0, length: sizeOf(attribute), kind: 'data' };
  }

  async punchHole(_node: FsNode, _offset: number, _length: number): Promise<void> {
    throw new FsError('EROFS', { operation: 'punch_hole' });
  }

  async allocate(_node: FsNode, _offset: number, _length: number): Promise<void> {
    throw new FsError('EROFS', { operation: 'fallocate' });
  }

  async statfs(): Promise<FsStatvfs> {
    this.own(this.root, 'statfs');
    return this.shared(async () => {
      const clusters = await (await this.clusterMap()).countClear();
      return statisticsOf(this.volume, clusters, await (await this.recordMap()).countClear());
    });
  }

  protected clusterMap(): Promise<Bitmap> {
    return clusterBitmap(this.volume);
  }

  protected async recordMap(): Promise<Bitmap> {
    return recordBitmap(this.volume);
  }

  async *freeExtents(): AsyncGenerator<{ offset: number; length: number }> {
    this.own(this.root, 'trim');
    const { clusterSize } = this.volume.geometry;
    const map = await this.shared(() => this.clusterMap());
    for (let at = 0; ; ) {
      const run = await this.shared(() => map.nextClear(at, Number.MAX_SAFE_INTEGER));
      if (run === undefined) return;
      yield { offset: run.start * clusterSize, length: run.length * clusterSize };
      at = run.start + run.length;
    }
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

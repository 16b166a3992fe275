import { throwIfAborted } from '@vmcraft/core/block';
import type {
  DirEntry,
  FileSystem,
  FsAbility,
  FsIdentity,
  FsNode,
  FsStat,
  FsStatvfs,
  IoOptions,
  LabelFs,
  NewNode,
  SetAttributes,
  TrimFs,
  WritableFs,
} from '@vmcraft/core/contracts';
import { CapabilityError, FsError, UsageError } from '@vmcraft/core/errors';
import { applyAttributes, modeOf, Stamper, timesOf } from './attributes.js';
import { DirectoryStore, type FixedRoot } from './directory.js';
import { now } from './dos-time.js';
import type { EntryFormat } from './entry-format.js';
import { FileData } from './file-data.js';
import { Attribute } from './layout.js';
import { Lock } from './lock.js';
import type { MountOptions } from './mount-options.js';
import { Mutations } from './mutations.js';
import { NameSpace } from './name-space.js';
import { ClusterNode, type ParsedEntry } from './node.js';
import { NodeTable } from './node-table.js';
import type { Volume } from './volume.js';

const STAT_UNIT = 512;
/** Linux counts a name's 255 units as up to 6 bytes each. */
const NAME_BYTES = 1530;

/** Changes the label and the serial number; FAT and exFAT keep them in different places. */
export interface LabelKeeper {
  setLabel(label: string): Promise<void>;
  setUuid(uuid: string): Promise<void>;
}

/** What a {@link ClusterFileSystem} is put together from. */
export interface FileSystemParts {
  readonly identity: FsIdentity;
  readonly volume: Volume;
  readonly format: EntryFormat;
  readonly root: ParsedEntry;
  readonly fixedRoot?: FixedRoot | undefined;
  readonly options: MountOptions;
  readonly readonly: boolean;
  readonly serial: number;
  readonly labels: (store: DirectoryStore, root: ClusterNode) => LabelKeeper;
}

/** An opened FAT or exFAT volume. */
export class ClusterFileSystem implements FileSystem, WritableFs, TrimFs, LabelFs {
  readonly device: Volume['device'];
  readonly readonly: boolean;
  readonly caseInsensitive = true;
  readonly abilities: ReadonlySet<FsAbility>;
  readonly #parts: FileSystemParts;
  readonly #volume: Volume;
  readonly #names: NameSpace;
  readonly #data: FileData;
  readonly #mutations: Mutations;
  readonly #stamper: Stamper;
  readonly #labels: LabelKeeper;
  readonly #lock = new Lock();
  #identity: FsIdentity;
  #closed = false;

  constructor(parts: FileSystemParts) {
    this.#parts = parts;
    this.#volume = parts.volume;
    this.#identity = parts.identity;
    this.device = parts.volume.device;
    this.readonly = parts.readonly;
    this.abilities = new Set<FsAbility>(parts.readonly ? ['trim'] : ['write', 'trim', 'label']);
    const store = new DirectoryStore(parts.volume, parts.format, parts.fixedRoot);
    const root = new ClusterNode(parts.volume, 1, undefined, parts.root);
    this.#names = new NameSpace(store, new NodeTable(parts.volume, root));
    this.#data = new FileData(parts.volume, parts.format);
    this.#stamper = new Stamper(parts.options, parts.format.zoneNow);
    this.#mutations = new Mutations(this.#names, this.#stamper);
    this.#labels = parts.labels(store, root);
  }

  get identity(): FsIdentity {
    return this.#identity;
  }

  get root(): FsNode {
    return this.#names.nodes.root;
  }

  #node(node: FsNode, operation: string): ClusterNode {
    if (this.#closed) throw new UsageError('the file system is closed', { action: operation });
    if (!(node instanceof ClusterNode))
      throw new UsageError('this node is of another file system', { action: operation });
    return node;
  }

  /** Reading needs no order unless someone may write. */
  #shared<T>(task: () => Promise<T>): Promise<T> {
    return this.readonly ? task() : this.#lock.run(task);
  }

  /** One change at a time, after the volume is marked dirty. */
  async #change<T>(operation: string, task: () => Promise<T>): Promise<T> {
    if (this.readonly) throw CapabilityError.readOnly('FAT file system');
    if (this.#closed) throw new UsageError('the file system is closed', { action: operation });
    return this.#lock.run(async () => {
      await this.#volume.beginChange();
      return task();
    });
  }

  async lookup(dir: FsNode, name: string): Promise<FsNode | undefined> {
    const node = this.#node(dir, 'lookup');
    this.#names.requireDirectory(node, 'lookup');
    return this.#shared(() => this.#names.lookup(node, name));
  }

  async stat(fsNode: FsNode): Promise<FsStat> {
    const node = this.#node(fsNode, 'stat');
    const { options } = this.#parts;
    const { clusterSize } = this.#volume.geometry;
    const size = node.isDirectory ? await this.#shared(() => this.#directorySize(node)) : node.fields.size;
    return {
      ino: node.ino,
      mode: modeOf(node, options),
      nlink: node.isDirectory ? 2 + (await this.#shared(() => this.#subdirectories(node))) : 1,
      uid: options.uid,
      gid: options.gid,
      rdev: { major: 0, minor: 0 },
      size,
      blocks: Math.ceil(size / clusterSize) * (clusterSize / STAT_UNIT),
      blockSize: clusterSize,
      ...timesOf(node.fields, options),
    };
  }

  async #directorySize(node: ClusterNode): Promise<number> {
    if (node.cyclic) return 0;
    return this.#names.store.capacity(node);
  }

  async #subdirectories(node: ClusterNode): Promise<number> {
    return node.cyclic || node.deleted ? 0 : this.#names.countSubdirectories(node);
  }

  async *readdir(dir: FsNode, options?: IoOptions): AsyncGenerator<DirEntry> {
    const node = this.#node(dir, 'readdir');
    this.#names.requireDirectory(node, 'readdir');
    const batches = this.#names.store.scan(node);
    for (;;) {
      throwIfAborted(options?.signal, 'readdir');
      const batch = await this.#shared(() => batches.next());
      if (batch.done === true) return;
      for (const entry of batch.value) {
        const child = this.#names.nodes.of(node, entry);
        yield { name: entry.name, node: child, type: child.isDirectory ? 'd' : 'r' };
      }
    }
  }

  #file(fsNode: FsNode, operation: string): ClusterNode {
    const node = this.#node(fsNode, operation);
    if (node.isDirectory) throw new FsError('EISDIR', { operation });
    if (node.deleted) throw new FsError('ENOENT', { operation });
    return node;
  }

  async read(fsNode: FsNode, offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const node = this.#file(fsNode, 'read');
    if (!(offset >= 0 && length >= 0)) throw new FsError('EINVAL', { operation: 'read' });
    return this.#shared(() => this.#data.read(node, offset, length, options));
  }

  async readlink(node: FsNode): Promise<string> {
    this.#node(node, 'readlink');
    throw new FsError('EINVAL', { operation: 'readlink', reason: 'FAT has no symbolic links' });
  }

  async statfs(): Promise<FsStatvfs> {
    if (this.#closed) throw new UsageError('the file system is closed', { action: 'statfs' });
    const { clusterSize, clusterCount } = this.#volume.geometry;
    const free = await this.#shared(() => this.#volume.countFree());
    return {
      blockSize: clusterSize,
      fragmentSize: clusterSize,
      blocks: clusterCount,
      blocksFree: free,
      blocksAvailable: free,
      files: 0,
      filesFree: 0,
      fsid: BigInt(this.#parts.serial),
      nameMax: NAME_BYTES,
    };
  }

  create(dir: FsNode, name: string, attributes: NewNode): Promise<FsNode> {
    return this.#change('create', () => this.#mutations.create(this.#node(dir, 'create'), name, attributes));
  }

  async link(node: FsNode, _dir: FsNode, name: string): Promise<void> {
    this.#node(node, 'link');
    if (this.readonly) throw CapabilityError.readOnly('FAT file system');
    throw new FsError('EPERM', { operation: 'link', path: name, reason: 'FAT has no hard links' });
  }

  unlink(dir: FsNode, name: string): Promise<void> {
    return this.#change('unlink', () => this.#mutations.unlink(this.#node(dir, 'unlink'), name));
  }

  rmdir(dir: FsNode, name: string): Promise<void> {
    return this.#change('rmdir', () => this.#mutations.rmdir(this.#node(dir, 'rmdir'), name));
  }

  rename(fromDir: FsNode, fromName: string, toDir: FsNode, toName: string): Promise<void> {
    return this.#change('rename', () =>
      this.#mutations.rename(this.#node(fromDir, 'rename'), fromName, this.#node(toDir, 'rename'), toName),
    );
  }

  /** A file whose contents may be changed. @throws FsError EISDIR, ENOENT, EPERM */
  #writable(fsNode: FsNode, operation: string): ClusterNode {
    const node = this.#file(fsNode, operation);
    if (node.frozen !== undefined) throw new FsError('EPERM', { operation, reason: node.frozen });
    return node;
  }

  write(fsNode: FsNode, offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    return this.#change('write', async () => {
      const node = this.#writable(fsNode, 'write');
      if (!(offset >= 0)) throw new FsError('EINVAL', { operation: 'write' });
      await this.#data.write(node, offset, data, options);
      await this.#changed(node);
    });
  }

  truncate(fsNode: FsNode, size: number): Promise<void> {
    return this.#change('truncate', async () => {
      const node = this.#writable(fsNode, 'truncate');
      if (!(size >= 0)) throw new FsError('EINVAL', { operation: 'truncate' });
      await this.#data.resize(node, size);
      await this.#changed(node);
    });
  }

  /** Contents changed: stamp and store the entry. */
  async #changed(node: ClusterNode): Promise<void> {
    node.fields.attributes |= Attribute.archive;
    this.#stamper.modified(node.fields, now());
    await this.#names.store.update(node);
  }

  setattr(fsNode: FsNode, attributes: SetAttributes): Promise<void> {
    return this.#change('setattr', async () => {
      const node = this.#node(fsNode, 'setattr');
      if (node.deleted) throw new FsError('ENOENT', { operation: 'setattr' });
      if (node.frozen !== undefined) throw new FsError('EPERM', { operation: 'setattr', reason: node.frozen });
      applyAttributes(node, attributes, this.#parts.options, this.#stamper);
      await this.#names.store.update(node);
    });
  }

  async *freeExtents(): AsyncGenerator<{ readonly offset: number; readonly length: number }> {
    if (this.#closed) throw new UsageError('the file system is closed', { action: 'freeExtents' });
    // Clusters that are about to be freed count too, once they are.
    if (!this.readonly) await this.sync();
    const { clusterSize } = this.#volume.geometry;
    for await (const run of this.#volume.space.freeRuns()) {
      yield { offset: this.#volume.offsetOf(run.cluster), length: run.count * clusterSize };
    }
  }

  setLabel(label: string): Promise<void> {
    return this.#change('setLabel', async () => {
      await this.#labels.setLabel(label);
      const { label: _old, ...rest } = this.#identity;
      this.#identity = label === '' ? rest : { ...rest, label };
    });
  }

  setUuid(uuid: string): Promise<void> {
    return this.#change('setUuid', async () => {
      await this.#labels.setUuid(uuid);
      if (uuid.length <= 'ABCD-1234'.length) {
        const hex = uuid.replace('-', '').toUpperCase();
        this.#identity = { ...this.#identity, uuid: `${hex.slice(0, 4)}-${hex.slice(4)}` };
      }
    });
  }

  async sync(): Promise<void> {
    if (this.readonly || this.#closed) return;
    await this.#lock.run(() => this.#volume.sync());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.sync();
    this.#closed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

import { type NewNode, S_IFDIR, S_IFMT, S_IFREG } from '@vmcraft/core/contracts';
import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import type { Stamper } from './attributes.js';
import { ClusterChain } from './cluster-chain.js';
import type { DirectoryStore } from './directory.js';
import type { IndexedName } from './directory-index.js';
import { now } from './dos-time.js';
import { Attribute, ENTRY_SIZE } from './layout.js';
import type { NameSpace } from './name-space.js';
import { blankFields, ClusterNode } from './node.js';
import type { Volume } from './volume.js';

/** A rename whose conditions have been checked. */
interface Move {
  readonly fromDir: ClusterNode;
  readonly at: IndexedName;
  readonly node: ClusterNode;
  readonly toDir: ClusterNode;
  readonly name: string;
  readonly replaced: { readonly at: IndexedName; readonly node: ClusterNode } | undefined;
}

/** Changes to directories: making, removing and renaming objects. */
export class Mutations {
  readonly #volume: Volume;
  readonly #store: DirectoryStore;
  readonly #names: NameSpace;
  readonly #stamper: Stamper;

  constructor(names: NameSpace, stamper: Stamper) {
    this.#names = names;
    this.#store = names.store;
    this.#volume = names.store.volume;
    this.#stamper = stamper;
  }

  /** First cluster that `..` of a directory in `dir` names: 0 for the root. Microsoft FAT specification 1.03 §6.5. */
  #parentCluster(dir: ClusterNode): number {
    return dir.isRoot ? 0 : dir.fields.firstCluster;
  }

  /** The name as it is to be kept. @throws FsError EINVAL, ENAMETOOLONG, EEXIST */
  async #newName(dir: ClusterNode, name: string, operation: string): Promise<string> {
    this.#store.format.checkName(name, operation);
    const kept = this.#store.format.normalize(name);
    if ((await this.#names.find(dir, kept)) !== undefined) throw new FsError('EEXIST', { operation, path: name });
    return kept;
  }

  async create(dir: ClusterNode, name: string, wanted: NewNode): Promise<ClusterNode> {
    const operation = 'create';
    const type = wanted.mode & S_IFMT;
    this.#names.requireDirectory(dir, operation);
    const kept = await this.#newName(dir, name, operation);
    if (type !== S_IFREG && type !== S_IFDIR && type !== 0) {
      throw new FsError('ENOTSUP', { operation, path: name, reason: 'FAT keeps files and directories only' });
    }
    const isDirectory = type === S_IFDIR;
    const fields = blankFields(isDirectory ? Attribute.directory : Attribute.archive);
    this.#stamper.all(fields, now());
    if (isDirectory) await this.#giveCluster(dir, fields);
    const taken = await this.#names.index(dir);
    const encoded = this.#store.format.encode(kept, fields, taken);
    const place = await this.#insertOrFree(dir, kept, encoded, fields);
    const entry = { name: kept, ...fields, ...place };
    const node = new ClusterNode(this.#volume, this.#names.nodes.numberFor(place.position), dir, entry);
    this.#names.nodes.add(node);
    if (isDirectory) this.#countChild(dir, 1);
    await this.#touch(dir);
    return node;
  }

  /** A new directory has one cluster, written before anything points at it. */
  async #giveCluster(dir: ClusterNode, fields: ReturnType<typeof blankFields>): Promise<void> {
    const { clusterSize, kind } = this.#volume.geometry;
    const [run] = await this.#volume.allocate(1, undefined, 'create');
    fields.firstCluster = run!.cluster;
    if (this.#store.format.sizedDirectories) {
      fields.size = clusterSize;
      fields.validSize = clusterSize;
      fields.contiguous = true;
    }
    const first = this.#store.format.initialEntries(fields, this.#parentCluster(dir));
    await this.#store.clear(run!.cluster, 1, first);
    if (kind !== 'exfat') await new ClusterChain(this.#volume, 0).extend([run!]);
  }

  async #insertOrFree(
    dir: ClusterNode,
    name: string,
    encoded: Parameters<DirectoryStore['insert']>[2],
    fields: ReturnType<typeof blankFields>,
  ): ReturnType<DirectoryStore['insert']> {
    try {
      return await this.#store.insert(dir, name, encoded, 'create');
    } catch (error) {
      if (fields.firstCluster !== 0) this.#volume.free([{ cluster: fields.firstCluster, count: 1 }]);
      throw error;
    }
  }

  async unlink(dir: ClusterNode, name: string): Promise<void> {
    this.#names.requireDirectory(dir, 'unlink');
    const { at, node } = await this.#names.require(dir, name, 'unlink');
    if (node.isDirectory) throw new FsError('EISDIR', { operation: 'unlink', path: name });
    await this.#drop(dir, at, node);
    await this.#touch(dir);
  }

  async rmdir(dir: ClusterNode, name: string): Promise<void> {
    this.#names.requireDirectory(dir, 'rmdir');
    const { at, node } = await this.#names.require(dir, name, 'rmdir');
    this.#names.requireDirectory(node, 'rmdir');
    if (!(await this.#names.isEmpty(node))) throw new FsError('ENOTEMPTY', { operation: 'rmdir', path: name });
    await this.#drop(dir, at, node);
    this.#countChild(dir, -1);
    await this.#touch(dir);
  }

  /** Remove an object's entries, and free what it held. Damage in its chain is found before anything changes. */
  async #drop(dir: ClusterNode, at: IndexedName, node: ClusterNode): Promise<void> {
    const runs = await node.chain.runs();
    const extra = await this.#extraRuns(dir, at);
    await this.#store.remove(dir, at);
    this.#volume.free(runs);
    this.#volume.free(extra);
    node.deleted = true;
    node.index = undefined;
    this.#names.nodes.vacate(node.place.position);
  }

  async #extraRuns(dir: ClusterNode, at: IndexedName): ReturnType<ClusterChain['runs']> {
    const runs = [];
    for (const held of this.#store.format.extraAllocations(await this.#store.read(dir, at.slot, at.slotCount))) {
      const count = held.contiguous ? Math.ceil(held.size / this.#volume.geometry.clusterSize) : undefined;
      runs.push(...(await new ClusterChain(this.#volume, held.cluster, count).runs()));
    }
    return runs;
  }

  async rename(fromDir: ClusterNode, fromName: string, toDir: ClusterNode, toName: string): Promise<void> {
    const operation = 'rename';
    this.#names.requireDirectory(fromDir, operation);
    this.#names.requireDirectory(toDir, operation);
    const { at, node } = await this.#names.require(fromDir, fromName, operation);
    if (node.frozen !== undefined) throw new FsError('EPERM', { operation, path: fromName, reason: node.frozen });
    this.#store.format.checkName(toName, operation);
    const kept = this.#store.format.normalize(toName);
    for (let up: ClusterNode | undefined = toDir; up !== undefined; up = up.parent) {
      if (up === node) throw new FsError('EINVAL', { operation, path: fromName, reason: 'into itself' });
    }
    const target = await this.#names.find(toDir, kept);
    const same = target !== undefined && fromDir === toDir && target.slot === at.slot;
    if (same && at.name === kept) return;
    const replaced = target === undefined || same ? undefined : await this.#replaceable(toDir, kept, node, fromDir);
    await this.#move({ fromDir, at, node, toDir, name: kept, replaced });
    if (fromDir !== toDir) await this.#touch(fromDir);
    await this.#touch(toDir);
  }

  /** The target of a rename, if it is of the same kind and empty. */
  async #replaceable(
    dir: ClusterNode,
    name: string,
    source: ClusterNode,
    fromDir: ClusterNode,
  ): Promise<{ at: IndexedName; node: ClusterNode }> {
    const target = await this.#names.require(dir, name, 'rename');
    const details = { operation: 'rename', path: name };
    // A directory that the source lies in is not empty, whatever the source is.
    for (let up: ClusterNode | undefined = fromDir; up !== undefined; up = up.parent) {
      if (up === target.node) throw new FsError('ENOTEMPTY', details);
    }
    const { isDirectory } = target.node;
    if (isDirectory && !source.isDirectory) throw new FsError('EISDIR', details);
    if (!isDirectory && source.isDirectory) throw new FsError('ENOTDIR', details);
    if (isDirectory && !(await this.#names.isEmpty(target.node))) throw new FsError('ENOTEMPTY', details);
    return target;
  }

  /** Carry out a rename. Room for the new entries is found first: running out of space must lose nothing. */
  async #move(move: Move): Promise<void> {
    const { fromDir, at, node, toDir, name, replaced } = move;
    const previous = await this.#store.read(fromDir, at.slot, at.slotCount);
    const index = await this.#names.index(toDir);
    // Short names that go away with old entries may be used again.
    const leaving = new Set([fromDir === toDir ? at.slot : -1, replaced?.at.slot ?? -1]);
    const taken = { has: (text: string) => index.has(text) && !leaving.has(index.find(text)!.slot) };
    const encoded = this.#store.format.encode(name, node.fields, taken, previous);
    const slot = await this.#store.reserve(toDir, encoded.bytes.length / ENTRY_SIZE, 'rename');
    if (replaced !== undefined) {
      await this.#drop(toDir, replaced.at, replaced.node);
      if (replaced.node.isDirectory) this.#countChild(toDir, -1);
    }
    await this.#store.remove(fromDir, at);
    const place = await this.#store.place(toDir, name, encoded, slot);
    this.#names.nodes.vacate(node.place.position);
    Object.assign(node.place, place);
    node.parent = toDir;
    this.#names.nodes.add(node);
    if (!node.isDirectory || fromDir === toDir) return;
    this.#countChild(fromDir, -1);
    this.#countChild(toDir, 1);
    await this.#fixDotDot(node, toDir);
  }

  async #fixDotDot(node: ClusterNode, parent: ClusterNode): Promise<void> {
    for (const change of this.#store.format.movedEntries(this.#parentCluster(parent))) {
      const entry = await this.#store.read(node, change.slot, 1);
      if (entry[0] !== 0x2e || entry[1] !== 0x2e) {
        throw new CorruptImageError({ structure: 'directory', reason: 'a directory has no entry `..`' });
      }
      entry.set(change.bytes, change.offset);
      await this.#store.write(node, change.slot, entry);
    }
  }

  #countChild(dir: ClusterNode, change: number): void {
    if (dir.subdirectories !== undefined) dir.subdirectories += change;
  }

  /** A directory's contents changed. */
  async #touch(dir: ClusterNode): Promise<void> {
    this.#stamper.modified(dir.fields, now());
    await this.#store.update(dir);
  }
}

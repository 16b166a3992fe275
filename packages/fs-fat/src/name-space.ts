import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import type { DirectoryStore } from './directory.js';
import type { DirectoryIndex, IndexedName } from './directory-index.js';
import { Attribute } from './layout.js';
import type { ClusterNode } from './node.js';
import type { NodeTable } from './node-table.js';

/** Names that all indices together may hold before the oldest are dropped. */
const MAX_INDEXED_NAMES = 262_144;
const INDEX_OVERHEAD = 32;

/** What an index costs, in names; an empty one is not free. */
function weight(dir: ClusterNode): number {
  return (dir.index?.size ?? 0) + INDEX_OVERHEAD;
}

/** Looking up names, with a bound on the memory that directory indices take. */
export class NameSpace {
  readonly store: DirectoryStore;
  readonly nodes: NodeTable;
  /** Directories with an index, least recently used first. */
  readonly #indexed = new Set<ClusterNode>();

  constructor(store: DirectoryStore, nodes: NodeTable) {
    this.store = store;
    this.nodes = nodes;
  }

  /** @throws FsError ENOTDIR; CorruptImageError for a directory inside itself */
  requireDirectory(node: ClusterNode, operation: string): void {
    if (!node.isDirectory) throw new FsError('ENOTDIR', { operation });
    if (node.deleted) throw new FsError('ENOENT', { operation });
    if (!node.cyclic) return;
    throw new CorruptImageError({
      structure: 'directory entry',
      field: 'first cluster',
      offset: node.place.position,
      found: node.fields.firstCluster,
      reason: 'a directory contains itself',
    });
  }

  /** The index of a directory. */
  async index(dir: ClusterNode): Promise<DirectoryIndex> {
    const index = await this.store.index(dir);
    const known = this.#indexed.delete(dir);
    this.#indexed.add(dir);
    if (!known) this.#trim(dir);
    return index;
  }

  #trim(keep: ClusterNode): void {
    let total = 0;
    for (const dir of this.#indexed) total += weight(dir);
    for (const oldest of this.#indexed) {
      if (total <= MAX_INDEXED_NAMES || oldest === keep) return;
      total -= weight(oldest);
      oldest.index = undefined;
      this.#indexed.delete(oldest);
    }
  }

  /** Where a name is, or undefined. */
  async find(dir: ClusterNode, name: string): Promise<IndexedName | undefined> {
    const wanted = this.store.format.normalize(name);
    return wanted === '' ? undefined : (await this.index(dir)).find(wanted);
  }

  /** The object of a name, or undefined. */
  async lookup(dir: ClusterNode, name: string): Promise<ClusterNode | undefined> {
    const found = await this.find(dir, name);
    return found === undefined ? undefined : this.nodes.of(dir, await this.store.parse(dir, found));
  }

  /** The object of a name that must be there. @throws FsError ENOENT */
  async require(dir: ClusterNode, name: string, operation: string): Promise<{ at: IndexedName; node: ClusterNode }> {
    const at = await this.find(dir, name);
    if (at === undefined) throw new FsError('ENOENT', { operation, path: name });
    return { at, node: this.nodes.of(dir, await this.store.parse(dir, at)) };
  }

  /** Whether a directory has nothing in it. */
  async isEmpty(dir: ClusterNode): Promise<boolean> {
    for await (const entries of this.store.scan(dir)) if (entries.length > 0) return false;
    return true;
  }

  /** Directories right below a directory. */
  async countSubdirectories(dir: ClusterNode): Promise<number> {
    if (dir.subdirectories !== undefined) return dir.subdirectories;
    let count = 0;
    for await (const entries of this.store.scan(dir)) {
      for (const entry of entries) if ((entry.attributes & Attribute.directory) !== 0) count++;
    }
    dir.subdirectories = count;
    return count;
  }
}

import { CorruptImageError, FsError, InternalError } from '@vmcraft/core/errors';
import { sizeOf } from './attribute.js';
import { readWhole } from './attribute-reader.js';
import { blockCapacity, encodeBlock, IndexEntry, IndexNode, NO_CHILD, ROOT_VCN } from './index-node.js';
import type { IndexTree, Step } from './index-tree.js';
import { AttributeType } from './layout.js';
import { INDEX_ROOT_HEADER_SIZE, indexRoot } from './layout-index.js';
import { RunList } from './run-list.js';
import type { Writer } from './writer.js';

const CHILD_SIZE = 8;
/** Blocks by which an index grows at most; an eighth of it otherwise. */
const MAX_GROWTH = 64;
/** Bytes of the map of blocks. */
const MAX_MAP = 16 * 1024 * 1024;
const MAP_UNIT = 8;

/** Changes an index: entries go in and out, nodes are split and given up. */
export class IndexEditor {
  /** Which blocks are in use; loaded with the first change. */
  #map: Uint8Array | undefined;
  #mapDirty = false;
  /** No block below is free. */
  #firstFree = 0;
  /** The place that was found by the last `reserve`. */
  #reserved: { readonly raw: Uint8Array; readonly path: Step[]; readonly generation: number } | undefined;

  constructor(
    private readonly writer: Writer,
    readonly tree: IndexTree,
  ) {}

  get #capacity(): number {
    return blockCapacity(this.tree.blockSize);
  }

  get #blocks(): number {
    const body = this.tree.inode.find(AttributeType.indexAllocation, this.tree.name);
    return body === undefined ? 0 : Math.floor(sizeOf(body) / this.tree.blockSize);
  }

  /** A node was changed in place. */
  changed(node: IndexNode): void {
    node.dirty = true;
    this.writer.indexes.add(this);
    if (node.vcn === ROOT_VCN) this.#storeRoot();
  }

  #storeRoot(): void {
    const { root, inode, name } = this.tree;
    const attribute = inode.require(AttributeType.indexRoot, name);
    const old = attribute.value!;
    const value = new Uint8Array(INDEX_ROOT_HEADER_SIZE + root.size);
    value.set(old.subarray(0, indexRoot.size));
    root.encodeInto(
      value.subarray(indexRoot.size),
      INDEX_ROOT_HEADER_SIZE - indexRoot.size,
      value.length - indexRoot.size,
    );
    attribute.value = value;
    root.dirty = false;
    this.writer.touch(inode);
  }

  /**
   * Have room for one more entry, so that `insert` cannot fail half-way.
   * @throws FsError ENOSPC
   */
  async reserve(raw: Uint8Array): Promise<void> {
    const { path, found } = await this.tree.descend(new IndexEntry(raw).key);
    this.#reserved = found ? undefined : { raw, path, generation: this.tree.generation };
    let needed = 0;
    // What may come up into a node: the entry itself, or one that parts the halves of the node below.
    let largest = raw.length;
    for (let level = path.length - 1; level >= 0; level--) {
      const { node } = path[level]!;
      const more = largest + CHILD_SIZE;
      const isRoot = node.vcn === ROOT_VCN;
      if (isRoot ? this.writer.fits(this.tree.inode, more) : node.size + more <= this.#capacity) break;
      // A root that overflows moves into a block, which may have to be split.
      needed += isRoot ? 2 : 1;
      for (const entry of node.entries) largest = Math.max(largest, entry.raw.length);
    }
    if (needed > 0) await this.#reserveBlocks(needed);
  }

  /**
   * Add an entry.
   * @param raw header, key and data, padded to 8 bytes
   * @throws FsError EEXIST, ENOSPC
   */
  async insert(raw: Uint8Array): Promise<void> {
    const entry = new IndexEntry(raw);
    const path = await this.#placeOf(entry);
    this.tree.generation++;
    const { node, position } = path.at(-1)!;
    node.entries.splice(position, 0, entry);
    this.changed(node);
    await this.#balance(path);
    await this.writer.commit(this.tree.inode);
  }

  /** The way to where a new entry goes; it has often been found just before. */
  async #placeOf(entry: IndexEntry): Promise<readonly Step[]> {
    const known = this.#reserved;
    this.#reserved = undefined;
    if (known?.raw === entry.raw && known.generation === this.tree.generation) return known.path;
    const { path, found } = await this.tree.descend(entry.key);
    if (found) throw new FsError('EEXIST', { operation: 'create' });
    return path;
  }

  /** Split nodes that are too large, from the end of a path up. */
  async #balance(path: readonly Step[]): Promise<void> {
    for (let level = path.length - 1; level >= 0; level--) {
      const { node } = path[level]!;
      if (node.vcn === ROOT_VCN) {
        if (node.entries.length > 0 && !this.writer.fits(this.tree.inode)) await this.#lowerRoot();
      } else if (node.size > this.#capacity) await this.#split(node, path[level - 1]!);
      else return;
    }
  }

  /** Move the upper half of a node into a new one, and the entry between them into the parent. */
  async #split(node: IndexNode, parent: Step): Promise<void> {
    const right = new IndexNode(await this.#takeBlock());
    const at = middleOf(node);
    const median = node.entries[at]!;
    right.entries = node.entries.slice(at + 1);
    right.lastChild = node.lastChild;
    node.entries = node.entries.slice(0, at);
    node.lastChild = median.child;
    median.child = node.vcn;
    parent.node.entries.splice(parent.position, 0, median);
    parent.node.setChildAt(parent.position + 1, right.vcn);
    this.tree.keep(right);
    this.changed(right);
    this.changed(node);
    this.changed(parent.node);
  }

  /** Move all entries of the root into a block below it. */
  async #lowerRoot(): Promise<void> {
    const { root, inode, name } = this.tree;
    // The block is found first: with it the index gets the attributes that it may not have yet.
    const block = new IndexNode(await this.#takeBlock());
    block.entries = root.entries;
    block.lastChild = root.lastChild;
    root.entries = [];
    root.lastChild = block.vcn;
    this.tree.keep(block);
    this.changed(block);
    this.changed(root);
    if (block.size > this.#capacity) await this.#split(block, { node: root, position: 0 });
    if (inode.find(AttributeType.indexAllocation, name) === undefined)
      throw new InternalError('an index without blocks');
  }

  /** Take an entry out. @throws FsError ENOENT, ENOSPC */
  async remove(key: Uint8Array): Promise<void> {
    for (;;) {
      const { path, found } = await this.tree.descend(key);
      if (!found) throw new FsError('ENOENT', { operation: 'unlink' });
      this.tree.generation++;
      const { node, position } = path.at(-1)!;
      if (node.isLeaf) {
        node.entries.splice(position, 1);
        this.changed(node);
        await this.#prune(path);
        break;
      }
      if (await this.#replaceByPrevious(path)) break;
    }
    await this.writer.commit(this.tree.inode);
  }

  /** Put the entry before it in the place of an entry with a child. @returns false when an empty node was in the way, and is gone now */
  async #replaceByPrevious(path: Step[]): Promise<boolean> {
    const { node, position } = path.at(-1)!;
    const down: Step[] = [...path];
    let child = node.childAt(position);
    while (child !== NO_CHILD) {
      const below = await this.tree.load(child);
      down.push({ node: below, position: below.entries.length });
      if (down.length > 32) throw this.tree.tooDeep();
      child = below.lastChild;
    }
    const leaf = down.at(-1)!.node;
    if (leaf.entries.length === 0) {
      if (!(await this.#prune(down))) throw new FsError('ENOSPC', { operation: 'unlink' });
      return false;
    }
    const previous = leaf.entries.at(-1)!;
    const more = previous.raw.length - node.entries[position]!.raw.length;
    if (
      node.vcn === ROOT_VCN ? !this.writer.fits(this.tree.inode, more + CHILD_SIZE) : node.size + more > this.#capacity
    ) {
      await this.#reserveBlocks(path.length + 1);
    }
    leaf.entries.pop();
    this.changed(leaf);
    node.entries[position] = new IndexEntry(previous.raw, node.entries[position]!.child);
    this.changed(node);
    await this.#balance(path);
    if (leaf.entries.length > 0) return true;
    const again = await this.tree.descend(previous.key);
    const toLeaf = [...again.path];
    for (let at = again.path.at(-1)!.node.childAt(again.path.at(-1)!.position); at !== NO_CHILD; ) {
      const below = await this.tree.load(at);
      toLeaf.push({ node: below, position: below.entries.length });
      at = below.lastChild;
    }
    await this.#prune(toLeaf);
    return true;
  }

  /**
   * Give up an empty leaf at the end of a path; the entry beside it in the parent moves into a neighbour.
   * @returns false when there is no room to do so, and the leaf stays
   */
  async #prune(path: readonly Step[]): Promise<boolean> {
    let level = path.length - 1;
    // Nodes that have nothing but an empty child go with it.
    while (level > 0 && path[level]!.node.entries.length === 0) level--;
    if (level === path.length - 1) return true;
    const { node: parent, position } = path[level]!;
    if (parent.entries.length === 0) {
      await this.#clearAll(path);
      return true;
    }
    try {
      await this.#reserveBlocks(path.length + 1);
    } catch (error) {
      // An empty leaf does no harm.
      if (error instanceof FsError) return false;
      throw error;
    }
    const below = path.slice(level + 1);
    for (const { node } of below) this.#freeBlock(node.vcn);
    let moved: IndexEntry;
    if (position < parent.entries.length) moved = parent.entries.splice(position, 1)[0]!;
    else {
      moved = parent.entries.pop()!;
      parent.lastChild = moved.child;
    }
    this.changed(parent);
    this.tree.generation++;
    await this.#insertBack(moved.raw);
    return true;
  }

  async #insertBack(raw: Uint8Array): Promise<void> {
    const entry = new IndexEntry(raw);
    const { path, found } = await this.tree.descend(entry.key);
    if (found) throw new CorruptImageError({ structure: 'index', reason: 'a key is there twice' });
    const { node, position } = path.at(-1)!;
    node.entries.splice(position, 0, entry);
    this.changed(node);
    await this.#balance(path);
  }

  /** Nothing is left: the root becomes a leaf, and the blocks go. */
  async #clearAll(path: readonly Step[]): Promise<void> {
    const { tree } = this;
    for (const { node } of path.slice(1)) tree.nodes.delete(node.vcn);
    tree.root.lastChild = NO_CHILD;
    this.changed(tree.root);
    for (const type of [AttributeType.indexAllocation, AttributeType.bitmap]) {
      const attribute = tree.inode.find(type, tree.name);
      if (attribute === undefined) continue;
      await this.writer.attributes.freeValue(attribute);
      tree.inode.remove(attribute);
    }
    tree.nodes.clear();
    this.#map = undefined;
    this.#mapDirty = false;
    this.#firstFree = 0;
  }

  #block(vcn: number): number {
    return (vcn * this.tree.vcnSize) / this.tree.blockSize;
  }

  #freeBlock(vcn: number): void {
    const block = this.#block(vcn);
    this.#map![block >> 3]! &= ~(1 << (block & 7));
    this.#mapDirty = true;
    this.#firstFree = Math.min(this.#firstFree, block);
    this.tree.nodes.delete(vcn);
    this.writer.indexes.add(this);
  }

  async #loadMap(): Promise<Uint8Array> {
    if (this.#map !== undefined) return this.#map;
    const attribute = this.tree.inode.find(AttributeType.bitmap, this.tree.name);
    this.#map =
      attribute === undefined
        ? new Uint8Array(MAP_UNIT)
        : (await readWhole(this.writer.volume, attribute, MAX_MAP)).slice();
    return this.#map;
  }

  #isUsed(map: Uint8Array, block: number): boolean {
    return block >> 3 < map.length && (map[block >> 3]! & (1 << (block & 7))) !== 0;
  }

  /** Blocks that are free already, up to `wanted`. */
  #countFree(map: Uint8Array, wanted: number): number {
    let free = 0;
    for (let block = this.#firstFree; block < this.#blocks && free < wanted; block++)
      if (!this.#isUsed(map, block)) free++;
    return free;
  }

  async #reserveBlocks(count: number): Promise<void> {
    const map = await this.#loadMap();
    const free = this.#countFree(map, count);
    if (free >= count) return;
    const more = Math.min(MAX_GROWTH, this.#blocks >> 3);
    try {
      await this.#grow(Math.max(count - free, more));
    } catch (error) {
      if (!(error instanceof FsError) || more <= count - free) throw error;
      await this.#grow(count - free);
    }
  }

  async #takeBlock(): Promise<number> {
    await this.#reserveBlocks(1);
    const map = this.#map!;
    let block = this.#firstFree;
    while (this.#isUsed(map, block)) block++;
    if (block >= this.#blocks) throw new InternalError('no block of the index is free');
    map[block >> 3]! |= 1 << (block & 7);
    this.#mapDirty = true;
    this.#firstFree = block + 1;
    return (block * this.tree.blockSize) / this.tree.vcnSize;
  }

  /** Add blocks to the index. @throws FsError ENOSPC */
  async #grow(count: number): Promise<void> {
    const { inode, name, blockSize } = this.tree;
    const { clusterSize } = this.writer.volume.geometry;
    const known = inode.find(AttributeType.indexAllocation, name);
    const blocks = this.#blocks + count;
    const runs = known?.nonResident?.runs ?? new RunList();
    const last = runs.runs.at(-1);
    const missing = Math.ceil((blocks * blockSize) / clusterSize) - runs.end;
    const hint = last === undefined ? undefined : last.lcn + last.length;
    for (const run of await this.writer.clusters.allocate(missing, hint, 'create')) runs.append(run.start, run.length);
    const sizes = { allocatedSize: runs.end * clusterSize, dataSize: blocks * blockSize };
    if (known === undefined) {
      const nonResident = { runs, ...sizes, initializedSize: 0, compressionUnit: 0 };
      const added = inode.add({ type: AttributeType.indexAllocation, name, nonResident });
      await this.writer.attributes.zeroTo(added, sizes.dataSize);
      inode.add({ type: AttributeType.bitmap, name, value: new Uint8Array(MAP_UNIT) });
    } else {
      Object.assign(known.nonResident!, sizes);
      await this.writer.attributes.zeroTo(known, sizes.dataSize);
    }
    await this.#growMap(blocks);
    await this.writer.commit(inode);
  }

  async #growMap(blocks: number): Promise<void> {
    const map = this.#map!;
    const length = Math.ceil(blocks / (MAP_UNIT * 8)) * MAP_UNIT;
    if (length > map.length) {
      const larger = new Uint8Array(length);
      larger.set(map);
      this.#map = larger;
    }
    const { inode, name } = this.tree;
    const attribute = inode.require(AttributeType.bitmap, name);
    if (sizeOf(attribute) < this.#map!.length) {
      await this.writer.attributes.write(inode, attribute, 0, this.#map!);
    }
    this.#mapDirty = true;
  }

  /** Write changed nodes and the map of blocks. */
  async flush(): Promise<void> {
    const { tree, writer } = this;
    for (const node of [...tree.nodes.values()].sort((a, b) => a.vcn - b.vcn)) {
      if (!node.dirty) continue;
      const bytes = encodeBlock(node, tree.blockSize);
      let at = 0;
      for (const piece of tree.pieces(node.vcn)) {
        await writer.volume.device.write(piece.position, bytes.subarray(at, at + piece.length));
        at += piece.length;
      }
      node.dirty = false;
    }
    if (!this.#mapDirty || this.#map === undefined) return;
    this.#mapDirty = false;
    await writer.attributes.write(tree.inode, tree.inode.require(AttributeType.bitmap, tree.name), 0, this.#map);
    writer.touch(tree.inode);
  }
}

/** The entry that parts a node into halves of like size. */
function middleOf(node: IndexNode): number {
  const half = node.size / 2;
  let size = 0;
  for (let i = 0; i < node.entries.length - 1; i++) {
    size += node.entries[i]!.raw.length;
    if (size >= half) return Math.max(1, i);
  }
  return node.entries.length - 2;
}

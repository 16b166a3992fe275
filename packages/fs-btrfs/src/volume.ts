import { toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice, FsOpenOptions } from '@vmcraft/core/contracts';
import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import { ChunkMap, decodeChunk } from './chunk-map.js';
import { Decompressor } from './compression.js';
import { Contents } from './contents.js';
import { DataSums } from './data-sums.js';
import { LogicalSpace } from './devices.js';
import { dirRecords, nameBytes, nameHash } from './dir-items.js';
import { Id, KEY_SIZE, ROOT_READONLY, RootItem, Type } from './layout.js';
import { logTrees } from './log-trees.js';
import { LoggedItems } from './logged-items.js';
import { addSeed, gather, readChunkTree } from './members.js';
import type { Subvolume } from './subvolume.js';
import { readSuperblock, type SuperblockFacts } from './superblock.js';
import { LAST_OFFSET, NodeReader, Tree } from './tree.js';

/** A Btrfs as a whole: its devices, trees and subvolumes. */
export class Volume {
  readonly #subvolumes = new Map<number, Promise<Subvolume>>();
  #logs: ReadonlyMap<number, Tree> = new Map();

  private constructor(
    readonly device: BlockDevice,
    readonly facts: SuperblockFacts,
    readonly space: LogicalSpace,
    readonly nodes: NodeReader,
    readonly rootTree: Tree,
    readonly contents: Contents,
  ) {}

  /** @throws CorruptImageError, MissingDeviceError, UnsupportedFeatureError */
  static async open(device: BlockDevice, options: FsOpenOptions): Promise<Volume> {
    const warn = (message: string): void => options.warn?.({ source: 'btrfs', message });
    const own = await readSuperblock(device, warn);
    const { devices, facts } = await gather(device, own, options, warn);
    const chunks = new ChunkMap();
    for (let at = 0; at < facts.systemChunks.length; ) {
      const start = systemChunkStart(facts.systemChunks, at);
      const { chunk, size } = decodeChunk(start, facts.systemChunks.subarray(at + KEY_SIZE));
      chunks.add(chunk);
      for (const { devid, uuid } of chunk.stripes) devices.early.set(devid, uuid);
      at += KEY_SIZE + size;
    }
    const space = new LogicalSpace(chunks, devices);
    const nodes = new NodeReader(space, facts);
    const chunkTree = new Tree(nodes, { logical: facts.chunkRoot, level: facts.chunkRootLevel });
    await readChunkTree(chunkTree, facts, chunks, devices, async (seed) => {
      nodes.accept(seed.fsid);
      await addSeed(devices, seed, options);
    });
    for (const devid of chunks.devids) {
      if (!devices.has(devid)) warn(`${devices.missing(devid).message}; what other devices do not have cannot be read`);
    }
    const rootTree = new Tree(nodes, {
      logical: facts.root,
      level: facts.rootLevel,
      generation: Number(facts.generation),
    });
    const sums = new DataSums(await treeOf(nodes, rootTree, Id.csumTree), facts.checksum, facts.sectorsize);
    const contents = new Contents(space, sums, facts.checksum, new Decompressor(options.codecs, facts.sectorsize));
    const volume = new Volume(device, facts, space, nodes, rootTree, contents);
    if (facts.logRoot !== 0) volume.#logs = await logTrees(nodes, facts);
    return volume;
  }

  /** @throws FsError ENOENT */
  subvolume(id: number): Promise<Subvolume> {
    let found = this.#subvolumes.get(id);
    if (found === undefined) {
      found = this.#openSubvolume(id);
      this.#subvolumes.set(id, found);
      found.catch(() => this.#subvolumes.delete(id));
    }
    return found;
  }

  async #openSubvolume(id: number): Promise<Subvolume> {
    const item = await this.rootTree.last({ objectid: id, type: Type.rootItem, offset: LAST_OFFSET });
    if (item?.objectid !== id || item.type !== Type.rootItem) {
      throw new FsError('ENOENT', { operation: 'open', reason: `no subvolume with id ${id}` });
    }
    const root = RootItem.decode(item.data);
    const tree = new Tree(this.nodes, rootOf(root));
    const log = this.#logs.get(id);
    return {
      id,
      items: log === undefined ? tree : await LoggedItems.over(tree, log),
      rootDir: toSafeInteger(root.rootDirid, 'root_dirid'),
      isReadOnly: (root.flags & ROOT_READONLY) !== 0n,
      ...(log === undefined ? {} : { loggedSums: log }),
    };
  }

  /** Whether a subvolume lies in another one: the root tree has a reference for each ("ROOT_REF"). */
  async isIn(id: number, parent: number): Promise<boolean> {
    return (await this.rootTree.find({ objectid: parent, type: Type.rootRef, offset: id })) !== undefined;
  }

  /** Object id of the subvolume that is mounted when nothing else is said: the directory item `default`. */
  async defaultSubvolume(): Promise<number> {
    const name = nameBytes('default');
    const key = { objectid: this.facts.rootDir, type: Type.dirItem, offset: nameHash(name) };
    const item = await this.rootTree.find(key);
    for (const record of item === undefined ? [] : dirRecords(item.data)) return record.location.objectid;
    return Id.fsTree;
  }

  /** A tree of the root tree, if there is one. */
  tree(id: number): Promise<Tree | undefined> {
    return treeOf(this.nodes, this.rootTree, id);
  }
}

async function treeOf(nodes: NodeReader, rootTree: Tree, id: number): Promise<Tree | undefined> {
  const item = await rootTree.last({ objectid: id, type: Type.rootItem, offset: LAST_OFFSET });
  return item?.objectid === id && item.type === Type.rootItem
    ? new Tree(nodes, rootOf(RootItem.decode(item.data)))
    : undefined;
}

function rootOf({ bytenr, level, generation }: ReturnType<typeof RootItem.decode>): Tree['root'] {
  return { logical: toSafeInteger(bytenr, 'btrfs_root_item bytenr'), level, generation: Number(generation) };
}

/** "sys_chunk_array": keys and chunks, one after the other. */
function systemChunkStart(raw: Uint8Array, at: number): number {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  if (at + KEY_SIZE > raw.length || view.getUint8(at + 8) !== Type.chunkItem) {
    throw new CorruptImageError({ structure: 'sys_chunk_array', field: 'key', found: at, expected: 'a chunk item' });
  }
  return toSafeInteger(view.getBigUint64(at + 9, true), 'chunk offset');
}

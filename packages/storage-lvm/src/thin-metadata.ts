import { toSafeInteger, viewOf } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { BTree } from './btree.js';
import { EditableBTree } from './btree-edit.js';
import type { BTreeNode } from './btree-node.js';
import { BLOCK, DeviceDetails, THIN_MAGIC, ThinSuperblock } from './layout-thin.js';
import { MetadataBlocks } from './metadata-blocks.js';
import { SpaceMap, type SpaceMapState } from './space-map.js';

type Superblock = ReturnType<typeof ThinSuperblock.decode>;

/** Where a chunk of a thin volume lies. */
export interface Mapping {
  /** Chunk of the pool's data. */
  readonly block: number;
  /** The pool's time when it was mapped. */
  readonly time: number;
}

/** What a pool knows of one of its volumes. */
export interface ThinDetails {
  readonly mappedBlocks: number;
  /** Chunks mapped before this time are shared. */
  readonly snapshottedTime: number;
}

/** The metadata of a thin pool: which chunk of which volume lies where. Changes take effect with {@link commit}. */
export class ThinMetadata {
  readonly blocks: MetadataBlocks;
  readonly #metadataMap: SpaceMap;
  readonly #dataMap: SpaceMap;
  readonly #volumes: EditableBTree;
  readonly #mappings: EditableBTree;
  readonly #details: EditableBTree;
  #mappingRoot: number;
  #detailsRoot: number;

  private constructor(
    private readonly device: BlockDevice,
    blocks: MetadataBlocks,
    readonly superblock: Superblock,
    subject: string,
  ) {
    this.blocks = blocks;
    this.#metadataMap = new SpaceMap(blocks, stateOf(superblock.metadataMap), `the metadata of ${subject}`);
    this.#dataMap = new SpaceMap(blocks, stateOf(superblock.dataMap), subject, this.#metadataMap);
    this.#volumes = new EditableBTree(blocks, 8, this.#metadataMap, (leaf) => this.#keepTrees(leaf));
    this.#mappings = new EditableBTree(blocks, 8, this.#metadataMap, (leaf) => this.#keepData(leaf));
    this.#details = new EditableBTree(blocks, DeviceDetails.size, this.#metadataMap);
    this.#mappingRoot = toSafeInteger(superblock.mappingRoot, 'thin_disk_superblock.data_mapping_root');
    this.#detailsRoot = toSafeInteger(superblock.detailsRoot, 'thin_disk_superblock.device_details_root');
  }

  /** @throws CorruptImageError, UnsupportedFeatureError */
  static async open(device: BlockDevice, subject: string): Promise<ThinMetadata> {
    const blocks = new MetadataBlocks(device, `metadata of ${subject}`);
    const view = await blocks.get(0, 'thinSuperblock');
    const superblock = ThinSuperblock.read(view, 0);
    if (superblock.magic !== THIN_MAGIC) {
      const structure = 'thin_disk_superblock';
      throw new CorruptImageError({ structure, field: 'magic', expected: THIN_MAGIC, found: superblock.magic });
    }
    const { version, incompatFlags, metadataBlockSize } = superblock;
    if (version < 1 || version > 2 || incompatFlags !== 0 || metadataBlockSize * 512 !== BLOCK) {
      const feature = `thin metadata of version ${version}, flags ${incompatFlags}, blocks of ${metadataBlockSize * 512} bytes`;
      throw new UnsupportedFeatureError({ structure: subject, feature });
    }
    return new ThinMetadata(device, blocks, superblock, subject);
  }

  /** Chunks of the pool that its space map covers. */
  get dataBlocks(): number {
    return this.#dataMap.state.blocks;
  }

  /** Chunks in use. */
  get allocatedBlocks(): number {
    return this.#dataMap.state.allocated;
  }

  /** Whether the superblock on the device is still the one that was read or written here last. */
  async isCurrent(): Promise<boolean> {
    const own = this.blocks.peek(0);
    const there = viewOf(await this.device.read(0, BLOCK));
    return own !== undefined && own.getUint32(0, true) === there.getUint32(0, true);
  }

  /** Facts of a volume; undefined when the pool has none with this id. */
  async details(id: number): Promise<ThinDetails | undefined> {
    const found = await this.#details.find(this.#detailsRoot, id);
    if (found === undefined) return undefined;
    const { mappedBlocks, snapshottedTime } = DeviceDetails.read(found.leaf.view, found.leaf.valueAt(found.index));
    return { mappedBlocks: toSafeInteger(mappedBlocks, 'disk_device_details.mapped_blocks'), snapshottedTime };
  }

  /** Where a chunk of a volume lies; undefined when it was never written. */
  async find(id: number, chunk: number): Promise<Mapping | undefined> {
    const volume = await this.#volumes.find(this.#mappingRoot, id);
    if (volume === undefined) return undefined;
    const found = await this.#mappings.find(volume.leaf.child(volume.index), chunk);
    return found === undefined ? undefined : mappingAt(found.leaf, found.index);
  }

  /** As {@link find}, from memory alone; `null` when that does not do. */
  peek(id: number, chunk: number): Mapping | undefined | null {
    const volume = this.#volumes.peek(this.#mappingRoot, id);
    if (volume === undefined || volume === null) return volume;
    const found = this.#mappings.peek(volume.leaf.child(volume.index), chunk);
    return found === undefined || found === null ? found : mappingAt(found.leaf, found.index);
  }

  /** Chunks of a volume that are mapped, from `first` on, in order. */
  async *mapped(id: number, first: number): AsyncGenerator<number> {
    const volume = await this.#volumes.find(this.#mappingRoot, id);
    if (volume === undefined) return;
    const tree = new BTree(this.blocks, 8);
    for await (const leaf of tree.leaves(volume.leaf.child(volume.index), first)) {
      for (let i = 0; i < leaf.entries; i++) if (leaf.key(i) >= first) yield leaf.key(i);
    }
  }

  /** A free chunk of the pool. @throws FsError ENOSPC */
  allocate(): Promise<number> {
    return this.#dataMap.allocate();
  }

  /** Map a chunk of a volume to a chunk of the pool that was allocated; what it was mapped to before has a user less. */
  async map(id: number, chunk: number, block: number): Promise<void> {
    const volume = await this.#volumes.find(this.#mappingRoot, id);
    if (volume === undefined) this.blocks.fail(this.#mappingRoot, `thin device ${id} has no mappings`);
    const before = await this.#mappings.find(volume.leaf.child(volume.index), chunk);
    const old = before === undefined ? undefined : mappingAt(before.leaf, before.index).block;
    const { time } = this.superblock;
    const tree = await this.#mappings.set(volume.leaf.child(volume.index), chunk, (view, at) => {
      view.setUint32(at, (((block % 256) << 24) | (time & 0xffffff)) >>> 0, true);
      view.setUint32(at + 4, Math.floor(block / 256), true);
    });
    const setRoot = (view: DataView, at: number): void => view.setBigUint64(at, BigInt(tree.root), true);
    this.#mappingRoot = (await this.#volumes.set(this.#mappingRoot, id, setRoot)).root;
    if (old === undefined) await this.#countMapped(id);
    else await this.#dataMap.decrease(old);
  }

  async #countMapped(id: number): Promise<void> {
    const { root } = await this.#details.set(this.#detailsRoot, id, (view, at) => {
      view.setBigUint64(at, view.getBigUint64(at, true) + 1n, true);
    });
    this.#detailsRoot = root;
  }

  /** Write all changes. */
  async commit(): Promise<void> {
    const view = await this.blocks.change(0, 'thinSuperblock');
    const changed = {
      dataMap: rootOf(this.#dataMap.state),
      metadataMap: rootOf(this.#metadataMap.state),
      mappingRoot: BigInt(this.#mappingRoot),
      detailsRoot: BigInt(this.#detailsRoot),
    };
    ThinSuperblock.encodeInto(changed, new Uint8Array(view.buffer, view.byteOffset, BLOCK));
    await this.blocks.commit();
  }

  async #keepTrees(leaf: BTreeNode): Promise<void> {
    for (let i = 0; i < leaf.entries; i++) await this.#metadataMap.increase(leaf.child(i));
  }

  async #keepData(leaf: BTreeNode): Promise<void> {
    for (let i = 0; i < leaf.entries; i++) await this.#dataMap.increase(mappingAt(leaf, i).block);
  }
}

/** `block << 24 | time`. */
function mappingAt(leaf: BTreeNode, index: number): Mapping {
  const at = leaf.valueAt(index);
  const low = leaf.view.getUint32(at, true);
  return { block: leaf.view.getUint32(at + 4, true) * 256 + (low >>> 24), time: low & 0xffffff };
}

function stateOf(root: Superblock['dataMap']): SpaceMapState {
  return {
    blocks: toSafeInteger(root.blocks, 'disk_sm_root.nr_blocks'),
    allocated: toSafeInteger(root.allocated, 'disk_sm_root.nr_allocated'),
    bitmapRoot: toSafeInteger(root.bitmapRoot, 'disk_sm_root.bitmap_root'),
    countRoot: toSafeInteger(root.countRoot, 'disk_sm_root.ref_count_root'),
  };
}

function rootOf(state: SpaceMapState): Superblock['dataMap'] {
  return {
    blocks: BigInt(state.blocks),
    allocated: BigInt(state.allocated),
    bitmapRoot: BigInt(state.bitmapRoot),
    countRoot: BigInt(state.countRoot),
  };
}

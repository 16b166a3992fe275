import { FsError } from '@vmcraft/core/errors';
import { EditableBTree, type NodeSpace } from './btree-edit.js';
import { read64 } from './btree-node.js';
import { BITMAP_HEADER, BLOCKS_PER_BITMAP, INDEX_ENTRY, INDEX_HEADER, MAX_METADATA_BITMAPS } from './layout-thin.js';
import type { MetadataBlocks } from './metadata-blocks.js';

/** Roots and totals of a space map, as the superblock keeps them. */
export interface SpaceMapState {
  blocks: number;
  allocated: number;
  bitmapRoot: number;
  countRoot: number;
}

/** Counts from 3 on are in a tree; the bitmap says so with this. */
const MANY = 3;

/** Where the entry of a bitmap lies. */
interface IndexEntry {
  readonly view: DataView;
  readonly at: number;
}

/** How many users every block has: two bits each in bitmaps, larger numbers in a tree. */
export class SpaceMap implements NodeSpace {
  readonly #counts: EditableBTree;
  readonly #indexTree: EditableBTree | undefined;
  /** Bitmap at which the search for a free block begins. */
  #hint = 0;

  /**
   * @param nodes where nodes of its own trees come from; none for the map of the metadata itself, which uses itself and has its index in one block
   */
  constructor(
    private readonly blocks: MetadataBlocks,
    readonly state: SpaceMapState,
    private readonly subject: string,
    nodes?: NodeSpace,
  ) {
    this.#counts = new EditableBTree(blocks, 4, nodes ?? this);
    if (nodes !== undefined) this.#indexTree = new EditableBTree(blocks, INDEX_ENTRY, nodes);
    if (nodes === undefined && state.blocks > MAX_METADATA_BITMAPS * BLOCKS_PER_BITMAP) {
      blocks.fail(0, `${state.blocks} blocks of metadata cannot be`);
    }
  }

  /** Users of a block. */
  async countOf(block: number): Promise<number> {
    const { view, bit } = await this.#bits(block);
    const low = readBits(view, bit);
    if (low < MANY) return low;
    const found = await this.#counts.find(this.state.countRoot, block);
    if (found === undefined) this.blocks.fail(this.state.countRoot, `the count of block ${block} is missing`);
    return found.leaf.view.getUint32(found.leaf.valueAt(found.index), true);
  }

  async increase(block: number): Promise<void> {
    await this.#setCount(block, (await this.countOf(block)) + 1);
  }

  async decrease(block: number): Promise<void> {
    const count = await this.countOf(block);
    if (count === 0) this.blocks.fail(this.state.bitmapRoot, `block ${block} is freed that nobody uses`);
    await this.#setCount(block, count - 1);
  }

  /** A free block, which has one user now. @throws FsError ENOSPC */
  async allocate(): Promise<number> {
    const bitmaps = Math.ceil(this.state.blocks / BLOCKS_PER_BITMAP);
    for (let n = 0; n < bitmaps; n++) {
      const index = (this.#hint + n) % bitmaps;
      const block = await this.#freeIn(index);
      if (block === undefined) continue;
      this.#hint = index;
      await this.#setCount(block, 1);
      return block;
    }
    throw new FsError('ENOSPC', { operation: 'write', reason: `${this.subject} is full` });
  }

  async #freeIn(index: number): Promise<number | undefined> {
    const { view, at } = await this.#entry(index);
    if (view.getUint32(at + 8, true) === 0) return undefined;
    const bitmap = await this.blocks.get(read64(view, at), 'bitmap');
    const end = Math.min(BLOCKS_PER_BITMAP, this.state.blocks - index * BLOCKS_PER_BITMAP);
    for (let bit = Math.min(end, view.getUint32(at + 12, true)); bit < end; bit++) {
      if (readBits(bitmap, bit) === 0) return index * BLOCKS_PER_BITMAP + bit;
    }
    return undefined;
  }

  async #setCount(block: number, count: number): Promise<void> {
    const { number, bit, view } = await this.#bits(block);
    const before = readBits(view, bit);
    const after = Math.min(count, MANY);
    if (after === MANY) {
      const write = (v: DataView, at: number): void => v.setUint32(at, count, true);
      this.state.countRoot = (await this.#counts.set(this.state.countRoot, block, write)).root;
    } else if (before === MANY) {
      this.state.countRoot = (await this.#counts.remove(this.state.countRoot, block)).root;
    }
    if (before === after) return;
    writeBits(await this.blocks.change(number, 'bitmap'), bit, after);
    if (before === 0) await this.#taken(block, 1);
    else if (after === 0) await this.#taken(block, -1);
  }

  /** One block more or less is in use. */
  async #taken(block: number, more: 1 | -1): Promise<void> {
    const index = Math.floor(block / BLOCKS_PER_BITMAP);
    const bit = block - index * BLOCKS_PER_BITMAP;
    this.state.allocated += more;
    const update = (view: DataView, at: number): void => {
      view.setUint32(at + 8, view.getUint32(at + 8, true) - more, true);
      const first = view.getUint32(at + 12, true);
      if (more > 0 && first === bit) view.setUint32(at + 12, bit + 1, true);
      else if (more < 0 && first > bit) view.setUint32(at + 12, bit, true);
    };
    if (this.#indexTree === undefined) {
      update(await this.blocks.change(this.state.bitmapRoot, 'index'), INDEX_HEADER + index * INDEX_ENTRY);
    } else {
      this.state.bitmapRoot = (await this.#indexTree.set(this.state.bitmapRoot, index, update)).root;
    }
  }

  async #entry(index: number): Promise<IndexEntry> {
    if (this.#indexTree === undefined) {
      return { view: await this.blocks.get(this.state.bitmapRoot, 'index'), at: INDEX_HEADER + index * INDEX_ENTRY };
    }
    const found = await this.#indexTree.find(this.state.bitmapRoot, index);
    if (found === undefined) this.blocks.fail(this.state.bitmapRoot, `bitmap ${index} is missing`);
    return { view: found.leaf.view, at: found.leaf.valueAt(found.index) };
  }

  async #bits(block: number): Promise<{ number: number; view: DataView; bit: number }> {
    if (!(block >= 0 && block < this.state.blocks)) {
      this.blocks.fail(this.state.bitmapRoot, `block ${block} of ${this.subject} lies behind its end`);
    }
    const index = Math.floor(block / BLOCKS_PER_BITMAP);
    const { view, at } = await this.#entry(index);
    const number = read64(view, at);
    return { number, view: await this.blocks.get(number, 'bitmap'), bit: block - index * BLOCKS_PER_BITMAP };
  }
}

/** Two bits a block, the higher one first, in words of 64 bits. */
function readBits(bitmap: DataView, bit: number): number {
  const pair = (bitmap.getUint8(BITMAP_HEADER + (bit >> 2)) >> ((bit & 3) * 2)) & 3;
  return ((pair & 1) << 1) | (pair >> 1);
}

function writeBits(bitmap: DataView, bit: number, count: number): void {
  const at = BITMAP_HEADER + (bit >> 2);
  const shift = (bit & 3) * 2;
  const pair = ((count & 1) << 1) | (count >> 1);
  bitmap.setUint8(at, (bitmap.getUint8(at) & ~(3 << shift)) | (pair << shift));
}

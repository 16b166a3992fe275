import { viewOf } from '@vmcraft/core/binary';
import { S_IFDIR, S_IFMT } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { mappedRuns } from './block-map.js';
import { BlockMapEditor } from './block-map-edit.js';
import type { Change } from './change.js';
import { deleteInode, hasBlockMap } from './delete-inode.js';
import { addEntry, makeDots, removeEntry } from './directory-edit.js';
import { findEntry } from './directory-lookup.js';
import { ExtentNode } from './extent-node.js';
import type { FastCommitRecord } from './fast-commit-scan.js';
import type { Inode } from './inode.js';
import { startExtents } from './inode-init.js';
import { EXTENT_MAGIC, FC_TAG, FL, fcDelRangeLayout, fcDentryLayout, I_BLOCK_OFFSET, inodeLayout } from './layout.js';
import { addSubdirectory, dropSubdirectory, fileTypeOf } from './namespace.js';

const AFTER_BLOCK = inodeLayout.offsetOf('generation');
/** Flags that say how an inode's contents are kept; a directory's are ours, as its entries are added here again. */
const STRUCTURE = FL.EXTENTS | FL.INDEX | FL.INLINE_DATA;

/** Applies the records of fast commits in their order. */
export class FastCommitReplay {
  readonly #modified = new Set<number>();

  constructor(private readonly change: Change) {}

  /** @throws CorruptImageError when a record contradicts the file system */
  async apply(records: readonly FastCommitRecord[]): Promise<void> {
    for (const { tag, value } of records) {
      if (tag === FC_TAG.INODE) await this.#inode(value);
      else if (tag === FC_TAG.ADD_RANGE) await this.#addRange(value);
      else if (tag === FC_TAG.DEL_RANGE) await this.#deleteRange(value);
      else if (tag === FC_TAG.UNLINK) await this.#unlink(value);
      else await this.#link(value, tag === FC_TAG.CREAT);
    }
    await this.#claimAll();
  }

  /** An inode as it was committed, but for its block map, which ranges describe. */
  async #inode(value: Uint8Array): Promise<void> {
    const { inodes, geometry } = this.change.volume;
    const ino = viewOf(value).getUint32(0, true);
    const raw = value.subarray(4, 4 + geometry.inodeSize);
    const type = viewOf(raw).getUint16(0, true) & S_IFMT;
    const isNew = await this.change.inodes.claim(ino, type === S_IFDIR);
    const inode = isNew ? await inodes.fresh(ino) : await inodes.modify(ino);
    const { blocks, size, flags } = inode;
    inode.raw.set(raw.subarray(0, I_BLOCK_OFFSET));
    inode.raw.set(raw.subarray(AFTER_BLOCK), AFTER_BLOCK);
    inode.blocks = isNew ? 0 : blocks;
    if (inode.isDirectory && !isNew) {
      inode.size = size;
      inode.flags = (inode.flags & ~STRUCTURE) | (flags & STRUCTURE);
    } else if (inode.has(FL.EXTENTS)) {
      if (new ExtentNode(0, inode.block).magic !== EXTENT_MAGIC) startExtents(inode);
      if (inode.isDirectory) inode.size = 0;
    } else if (isNew || inode.has(FL.INLINE_DATA)) {
      inode.block.set(raw.subarray(I_BLOCK_OFFSET, AFTER_BLOCK));
    }
    this.#modified.add(ino);
  }

  async #file(ino: number): Promise<Inode> {
    this.#modified.add(ino);
    return this.change.volume.inodes.modify(ino);
  }

  async #addRange(value: Uint8Array): Promise<void> {
    const inode = await this.#file(viewOf(value).getUint32(0, true));
    // The extent is kept in its on-disk form: read it as the only entry of a leaf.
    const node = new ExtentNode(0, new Uint8Array(24));
    node.raw.set(value.subarray(4, 16), 12);
    const e = node.extent(0);
    const { blocksCount } = this.change.volume.geometry;
    if (e.length === 0 || e.physical === 0 || e.physical + e.length > blocksCount || !inode.has(FL.EXTENTS)) {
      const reason = `extent of ${e.length} blocks at ${e.physical} for inode ${inode.ino}`;
      throw new CorruptImageError({ structure: 'ext4_fc_add_range', reason });
    }
    await new BlockMapEditor(this.change, inode).replace(e);
  }

  async #deleteRange(value: Uint8Array): Promise<void> {
    const { inode: ino, block, length } = fcDelRangeLayout.decode(value);
    const inode = await this.#file(ino);
    const map = new BlockMapEditor(this.change, inode);
    await map.release(block, Math.min(block + length, map.maxBlocks));
  }

  async #link(value: Uint8Array, isNew: boolean): Promise<void> {
    const { parent, inode: ino } = fcDentryLayout.decode(value);
    const name = value.slice(fcDentryLayout.size);
    const inode = await this.#file(ino);
    const dir = await this.#file(parent);
    const fileType = fileTypeOf(this.change, inode.mode);
    if (isNew && inode.isDirectory && inode.size === 0) await makeDots(this.change, inode, parent, fileType);
    if ((await findEntry(this.change.volume, dir, name)) !== undefined) return;
    await addEntry(this.change, dir, { ino, name, fileType });
    // Directories are not recorded themselves, so their link counts are worked out here.
    if (!isNew) inode.links += 1;
    else if (inode.isDirectory) addSubdirectory(this.change, dir, 'replay');
  }

  async #unlink(value: Uint8Array): Promise<void> {
    const { parent, inode: ino } = fcDentryLayout.decode(value);
    const dir = await this.#file(parent);
    const found = await findEntry(this.change.volume, dir, value.slice(fcDentryLayout.size));
    if (found === undefined || found.ino !== ino) return;
    await removeEntry(this.change, dir, found);
    const inode = await this.#file(ino);
    if (inode.links > (inode.isDirectory ? 2 : 1)) {
      inode.links -= 1;
      return;
    }
    if (inode.isDirectory) dropSubdirectory(dir);
    this.#modified.delete(ino);
    await deleteInode(this.change, inode);
  }

  /** A block may have gone from one file to another in any order: what the files have now is in use. */
  async #claimAll(): Promise<void> {
    const { volume, blocks } = this.change;
    for (const ino of this.#modified) {
      const inode = await volume.inodes.modify(ino);
      if (inode.mode === 0 || !hasBlockMap(this.change, inode)) continue;
      const end = Math.ceil(inode.size / volume.geometry.blockSize);
      for await (const run of mappedRuns(volume, inode, 0, end)) await blocks.claim(run.physical, run.length);
    }
  }
}

import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import type { BlockStore, Seal } from './block-store.js';
import { type ExtChecksum, hasHighInodeChecksum } from './checksum.js';
import type { Geometry } from './geometry.js';
import type { GroupTable } from './group-table.js';
import { Inode, type InodeRules } from './inode.js';
import { INODE_SIZE_GOOD_OLD, inodeLayout } from './layout.js';

const GENERATION = inodeLayout.offsetOf('generation');
const CSUM_LO = inodeLayout.offsetOf('checksumLo');
const CSUM_HI = inodeLayout.offsetOf('checksumHi');

/** All inodes: finds, verifies and changes them in their tables. */
export class InodeTable {
  /** Inode numbers changed in each dirty table block, to be sealed. */
  readonly #touched = new Map<number, Set<number>>();

  constructor(
    private readonly store: BlockStore,
    private readonly geometry: Geometry,
    private readonly groups: GroupTable,
    private readonly checksum: ExtChecksum,
    readonly rules: InodeRules,
  ) {}

  /** The inode if its table block is in memory. @throws CorruptImageError */
  peek(ino: number): Inode | undefined {
    const { inodesPerGroup, inodesPerBlock, blockSize, inodesCount } = this.geometry;
    if (!(ino >= 1 && ino <= inodesCount)) return undefined;
    const index = (ino - 1) % inodesPerGroup;
    const table = this.groups.peekInodeTable((ino - 1 - index) / inodesPerGroup);
    if (table === undefined) return undefined;
    const block = table + Math.floor(index / inodesPerBlock);
    const data = this.store.peek(block);
    if (data === undefined) return undefined;
    const at = (index * this.geometry.inodeSize) % blockSize;
    return this.#verified(ino, block, data.subarray(at, at + this.geometry.inodeSize), at);
  }

  /** An inode as it is now; later changes may or may not show in it. Not to be changed. @throws CorruptImageError */
  async read(ino: number): Promise<Inode> {
    const ready = this.peek(ino);
    if (ready !== undefined) return ready;
    const { block, at } = await this.locate(ino);
    const data = await this.store.read(block);
    return this.#verified(ino, block, data.subarray(at, at + this.geometry.inodeSize), at);
  }

  /** Like {@link read}, of an inode that is in use. @throws FsError ENOENT when it is free */
  async live(ino: number): Promise<Inode> {
    const inode = this.peek(ino) ?? (await this.read(ino));
    if (inode.mode === 0 || (inode.links === 0 && inode.dtime !== 0)) {
      throw new FsError('ENOENT', { operation: 'inode', path: `inode ${ino}`, reason: 'it is not in use' });
    }
    return inode;
  }

  /** The inode to change in place; its checksum follows by itself. */
  async modify(ino: number): Promise<Inode> {
    await this.read(ino);
    return this.#writable(ino);
  }

  /** A zeroed inode to fill in; what was there does not matter. */
  async fresh(ino: number): Promise<Inode> {
    const inode = await this.#writable(ino);
    inode.raw.fill(0);
    return inode;
  }

  async #writable(ino: number): Promise<Inode> {
    const { block, at } = await this.locate(ino);
    const data = await this.store.modify(block, this.#sealOf(block, ino));
    return new Inode(ino, data.subarray(at, at + this.geometry.inodeSize), this.rules);
  }

  /** Block and offset in it of an inode. @throws CorruptImageError for a number outside the file system */
  async locate(ino: number): Promise<{ block: number; at: number }> {
    const { inodesPerGroup, inodesPerBlock, blockSize, inodesCount, inodeSize } = this.geometry;
    if (!(ino >= 1 && ino <= inodesCount)) {
      throw new CorruptImageError({ structure: 'ext4_inode', found: ino, reason: `inode ${ino} of ${inodesCount}` });
    }
    const index = (ino - 1) % inodesPerGroup;
    const table = await this.groups.inodeTable((ino - 1 - index) / inodesPerGroup);
    return { block: table + Math.floor(index / inodesPerBlock), at: (index * inodeSize) % blockSize };
  }

  #verified(ino: number, block: number, raw: Uint8Array, at: number): Inode {
    const inode = new Inode(ino, raw, this.rules);
    if (this.store.isDirty(block)) return inode;
    const offset = block * this.geometry.blockSize + at;
    const extra = inode.extraSize;
    if (INODE_SIZE_GOOD_OLD + extra > raw.length || extra % 4 !== 0) {
      throw new CorruptImageError({
        structure: 'ext4_inode',
        field: 'i_extra_isize',
        offset,
        reason: `inode ${ino} has an extra size of ${extra}`,
      });
    }
    if (this.checksum.metadata) this.#verifyChecksum(inode, offset);
    return inode;
  }

  #verifyChecksum(inode: Inode, offset: number): void {
    const wide = hasHighInodeChecksum(inode.raw);
    const sum = this.checksum.inode(inode.ino, inode.view.getUint32(GENERATION, true), inode.raw);
    const found = inode.view.getUint16(CSUM_LO, true) + (wide ? inode.view.getUint16(CSUM_HI, true) * 0x10000 : 0);
    const expected = wide ? sum : sum & 0xffff;
    // A record that was never written is all zeros and has no checksum.
    if (found === expected || (found === 0 && inode.raw.every((b) => b === 0))) return;
    const field = 'i_checksum';
    throw new CorruptImageError({
      structure: `ext4_inode ${inode.ino}`,
      field,
      offset,
      expected,
      found,
      citation: 'ext4 Data Structures and Algorithms, Checksums',
    });
  }

  #sealOf(block: number, ino: number): Seal | undefined {
    if (!this.checksum.metadata) return undefined;
    let touched = this.#touched.get(block);
    if (touched === undefined || !this.store.isDirty(block)) {
      touched = new Set();
      this.#touched.set(block, touched);
    }
    touched.add(ino);
    return (data) => {
      for (const each of this.#touched.get(block) ?? []) this.#seal(each, data);
      this.#touched.delete(block);
    };
  }

  #seal(ino: number, data: Uint8Array): void {
    const { inodeSize, inodesPerGroup, blockSize } = this.geometry;
    const at = (((ino - 1) % inodesPerGroup) * inodeSize) % blockSize;
    const raw = data.subarray(at, at + inodeSize);
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    const sum = this.checksum.inode(ino, view.getUint32(GENERATION, true), raw);
    view.setUint16(CSUM_LO, sum & 0xffff, true);
    if (hasHighInodeChecksum(raw)) view.setUint16(CSUM_HI, sum >>> 16, true);
  }
}

import type { ExtChecksum } from './checksum.js';
import { DESCRIPTOR_SIZE_32, groupDescriptor64 } from './layout.js';

const AT = {
  blockBitmap: groupDescriptor64.offsetOf('blockBitmapLo'),
  blockBitmapHi: groupDescriptor64.offsetOf('blockBitmapHi'),
  inodeBitmap: groupDescriptor64.offsetOf('inodeBitmapLo'),
  inodeBitmapHi: groupDescriptor64.offsetOf('inodeBitmapHi'),
  inodeTable: groupDescriptor64.offsetOf('inodeTableLo'),
  inodeTableHi: groupDescriptor64.offsetOf('inodeTableHi'),
  freeBlocks: groupDescriptor64.offsetOf('freeBlocksLo'),
  freeBlocksHi: groupDescriptor64.offsetOf('freeBlocksHi'),
  freeInodes: groupDescriptor64.offsetOf('freeInodesLo'),
  freeInodesHi: groupDescriptor64.offsetOf('freeInodesHi'),
  usedDirs: groupDescriptor64.offsetOf('usedDirsLo'),
  usedDirsHi: groupDescriptor64.offsetOf('usedDirsHi'),
  flags: groupDescriptor64.offsetOf('flags'),
  blockCsum: groupDescriptor64.offsetOf('blockBitmapCsumLo'),
  blockCsumHi: groupDescriptor64.offsetOf('blockBitmapCsumHi'),
  inodeCsum: groupDescriptor64.offsetOf('inodeBitmapCsumLo'),
  inodeCsumHi: groupDescriptor64.offsetOf('inodeBitmapCsumHi'),
  unused: groupDescriptor64.offsetOf('itableUnusedLo'),
  unusedHi: groupDescriptor64.offsetOf('itableUnusedHi'),
  checksum: groupDescriptor64.offsetOf('checksum'),
} as const;

/**
 * One group descriptor over its raw bytes: getters and setters join the low and high halves. Setters change the bytes the
 * descriptor was made over; {@link seal} then updates its checksum.
 */
export class GroupDescriptor {
  private readonly view: DataView;
  private readonly wide: boolean;

  /** @param raw exactly the descriptor's bytes (32, 64 or more) */
  constructor(
    readonly group: number,
    readonly raw: Uint8Array,
  ) {
    this.view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    this.wide = raw.length > DESCRIPTOR_SIZE_32;
  }

  private block(lo: number, hi: number): number {
    return this.view.getUint32(lo, true) + (this.wide ? this.view.getUint32(hi, true) * 0x100000000 : 0);
  }
  private setBlock(lo: number, hi: number, value: number): void {
    this.view.setUint32(lo, value >>> 0, true);
    if (this.wide) this.view.setUint32(hi, Math.floor(value / 0x100000000), true);
  }
  private count(lo: number, hi: number): number {
    return this.view.getUint16(lo, true) + (this.wide ? this.view.getUint16(hi, true) * 0x10000 : 0);
  }
  private setCount(lo: number, hi: number, value: number): void {
    this.view.setUint16(lo, value & 0xffff, true);
    if (this.wide) this.view.setUint16(hi, value >>> 16, true);
  }

  /** Block numbers. */
  get blockBitmap(): number {
    return this.block(AT.blockBitmap, AT.blockBitmapHi);
  }
  set blockBitmap(block: number) {
    this.setBlock(AT.blockBitmap, AT.blockBitmapHi, block);
  }
  get inodeBitmap(): number {
    return this.block(AT.inodeBitmap, AT.inodeBitmapHi);
  }
  set inodeBitmap(block: number) {
    this.setBlock(AT.inodeBitmap, AT.inodeBitmapHi, block);
  }
  /** First block of the inode table. */
  get inodeTable(): number {
    return this.block(AT.inodeTable, AT.inodeTableHi);
  }
  set inodeTable(block: number) {
    this.setBlock(AT.inodeTable, AT.inodeTableHi, block);
  }

  /** Free clusters (blocks without bigalloc). */
  get freeBlocks(): number {
    return this.count(AT.freeBlocks, AT.freeBlocksHi);
  }
  set freeBlocks(count: number) {
    this.setCount(AT.freeBlocks, AT.freeBlocksHi, count);
  }
  get freeInodes(): number {
    return this.count(AT.freeInodes, AT.freeInodesHi);
  }
  set freeInodes(count: number) {
    this.setCount(AT.freeInodes, AT.freeInodesHi, count);
  }
  get usedDirs(): number {
    return this.count(AT.usedDirs, AT.usedDirsHi);
  }
  set usedDirs(count: number) {
    this.setCount(AT.usedDirs, AT.usedDirsHi, count);
  }
  /** Inodes at the end of the table that were never used. */
  get itableUnused(): number {
    return this.count(AT.unused, AT.unusedHi);
  }
  set itableUnused(count: number) {
    this.setCount(AT.unused, AT.unusedHi, count);
  }

  get flags(): number {
    return this.view.getUint16(AT.flags, true);
  }
  set flags(flags: number) {
    this.view.setUint16(AT.flags, flags, true);
  }

  /** CRC-32C of the block bitmap; only the lower half is kept in 32-byte descriptors. */
  get blockBitmapChecksum(): number {
    return this.count(AT.blockCsum, AT.blockCsumHi) >>> 0;
  }
  set blockBitmapChecksum(sum: number) {
    this.setCount(AT.blockCsum, AT.blockCsumHi, sum);
  }
  get inodeBitmapChecksum(): number {
    return this.count(AT.inodeCsum, AT.inodeCsumHi) >>> 0;
  }
  set inodeBitmapChecksum(sum: number) {
    this.setCount(AT.inodeCsum, AT.inodeCsumHi, sum);
  }
  /** `sum` cut to as many bits as this descriptor keeps. */
  truncateChecksum(sum: number): number {
    return this.wide ? sum >>> 0 : sum & 0xffff;
  }

  get checksum(): number {
    return this.view.getUint16(AT.checksum, true);
  }

  /** Whether the stored checksum is right, or none is kept. */
  verify(checksum: ExtChecksum): boolean {
    return !checksum.descriptors || checksum.groupDescriptor(this.group, this.raw) === this.checksum;
  }

  /** Bring the checksum up to date. */
  seal(checksum: ExtChecksum): void {
    if (checksum.descriptors) this.view.setUint16(AT.checksum, checksum.groupDescriptor(this.group, this.raw), true);
  }
}

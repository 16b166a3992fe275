import { crc16, crc32cRaw } from '@vmcraft/core/binary';
import { INCOMPAT, INODE_SIZE_GOOD_OLD, inodeLayout, RO_COMPAT, type SuperblockFields } from './layout.js';

const SEED = 0xffffffff;
const ZERO4 = new Uint8Array(4);
const GD_CHECKSUM_OFFSET = 0x1e;
const GD_CHECKSUM_END = 0x20;
const INODE_LO = inodeLayout.offsetOf('checksumLo');
const INODE_HI = inodeLayout.offsetOf('checksumHi');
/** Inode number and generation, which come before the record in its checksum. */
const INODE_PREFIX = 8;

function le32(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
}

function le64(value: number): Uint8Array {
  const out = new Uint8Array(8);
  out.set(le32(value >>> 0));
  out.set(le32(Math.floor(value / 0x100000000)), 4);
  return out;
}

/** CRC-32C of a superblock's 1024 bytes, for its last field. */
export function superblockChecksum(raw: Uint8Array): number {
  return crc32cRaw(SEED, raw.subarray(0, 0x3fc));
}

/**
 * Checksums of metadata, "Checksums" of the specification: CRC-32C of metadata_csum, seeded with the file system's UUID or its
 * stored seed; or CRC-16 of group descriptors alone (uninit_bg).
 */
export class ExtChecksum {
  /** Room for what an inode's checksum is made of. */
  #inode = new DataView(new ArrayBuffer(INODE_PREFIX + 256));

  constructor(
    /** metadata_csum: every structure has a CRC-32C. */
    readonly metadata: boolean,
    /** Group descriptors have a checksum (metadata_csum or uninit_bg). */
    readonly descriptors: boolean,
    readonly seed: number,
    private uuid: Uint8Array,
  ) {}

  /** The file system has another UUID now; only the CRC-16 of descriptors depends on it directly. */
  setUuid(uuid: Uint8Array): void {
    this.uuid = uuid;
  }

  static of(
    fields: Pick<SuperblockFields, 'featureRoCompat' | 'featureIncompat' | 'checksumSeed' | 'uuid'>,
  ): ExtChecksum {
    const metadata = (fields.featureRoCompat & RO_COMPAT.METADATA_CSUM) !== 0;
    const seed =
      (fields.featureIncompat & INCOMPAT.CSUM_SEED) !== 0 ? fields.checksumSeed : crc32cRaw(SEED, fields.uuid);
    const descriptors = metadata || (fields.featureRoCompat & RO_COMPAT.GDT_CSUM) !== 0;
    return new ExtChecksum(metadata, descriptors, seed, fields.uuid);
  }

  /** `bg_checksum` of a descriptor of `raw.length` bytes (32 or more). */
  groupDescriptor(group: number, raw: Uint8Array): number {
    if (this.metadata) {
      let c = crc32cRaw(this.seed, le32(group));
      c = crc32cRaw(c, raw.subarray(0, GD_CHECKSUM_OFFSET));
      c = crc32cRaw(c, ZERO4.subarray(0, 2));
      return crc32cRaw(c, raw.subarray(GD_CHECKSUM_END)) & 0xffff;
    }
    let c = crc16(0xffff, this.uuid);
    c = crc16(c, le32(group));
    c = crc16(c, raw.subarray(0, GD_CHECKSUM_OFFSET));
    return raw.length > GD_CHECKSUM_END ? crc16(c, raw.subarray(GD_CHECKSUM_END)) : c;
  }

  /** Of a block or inode bitmap: only the bytes that belong to the group. */
  bitmap(bits: Uint8Array): number {
    return crc32cRaw(this.seed, bits);
  }

  /** Seed of everything that belongs to one inode. */
  inodeSeed(ino: number, generation: number): number {
    return crc32cRaw(crc32cRaw(this.seed, le32(ino)), le32(generation));
  }

  /** Of a raw inode of `inodeSize` bytes; its upper half counts only when {@link hasHighInodeChecksum}. */
  inode(ino: number, generation: number, raw: Uint8Array): number {
    // One stretch of number, generation and record with its checksum as zeros: a single pass.
    const length = INODE_PREFIX + raw.length;
    if (this.#inode.byteLength < length) this.#inode = new DataView(new ArrayBuffer(length));
    const view = this.#inode;
    const bytes = new Uint8Array(view.buffer, 0, length);
    view.setUint32(0, ino, true);
    view.setUint32(4, generation, true);
    bytes.set(raw, INODE_PREFIX);
    view.setUint16(INODE_PREFIX + INODE_LO, 0);
    if (hasHighInodeChecksum(raw)) view.setUint16(INODE_PREFIX + INODE_HI, 0);
    return crc32cRaw(this.seed, bytes);
  }

  /** Of an extent block or a directory leaf: the first `length` bytes. */
  ofInode(inodeSeed: number, data: Uint8Array, length: number): number {
    return crc32cRaw(inodeSeed, data.subarray(0, length));
  }

  /** Of a hash tree block: `used` bytes up to the last entry, then the tail's reserved word at `tailOffset`. */
  indexBlock(inodeSeed: number, data: Uint8Array, used: number, tailOffset: number): number {
    let c = crc32cRaw(inodeSeed, data.subarray(0, used));
    c = crc32cRaw(c, data.subarray(tailOffset, tailOffset + 4));
    return crc32cRaw(c, ZERO4);
  }

  /** Of an extended attribute block at `block`. */
  xattrBlock(block: number, data: Uint8Array): number {
    let c = crc32cRaw(this.seed, le64(block));
    c = crc32cRaw(c, data.subarray(0, 0x10));
    c = crc32cRaw(c, ZERO4);
    return crc32cRaw(c, data.subarray(0x14));
  }

  /** Of an MMP block. */
  mmp(data: Uint8Array): number {
    return crc32cRaw(this.seed, data.subarray(0, 0x3fc));
  }

  /** Of a block of the orphan file: `length` bytes of inode numbers. */
  orphanBlock(inodeSeed: number, block: number, data: Uint8Array, length: number): number {
    return crc32cRaw(crc32cRaw(inodeSeed, le64(block)), data.subarray(0, length));
  }
}

/** Whether a raw inode's extra part reaches `i_checksum_hi`. */
export function hasHighInodeChecksum(raw: Uint8Array): boolean {
  return raw.length > INODE_SIZE_GOOD_OLD && (raw[0x80]! | (raw[0x81]! << 8)) >= 4;
}

/** The bare CRC-32C of `data` after `seed`, as values of extended attributes are hashed. */
export function crc32cOf(seed: number, data: Uint8Array): number {
  return crc32cRaw(seed, data);
}

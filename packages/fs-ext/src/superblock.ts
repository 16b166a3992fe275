import { uuidToString } from '@vmcraft/core/binary';
import type { FsSignature, Timestamp } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { ExtChecksum, superblockChecksum } from './checksum.js';
import { type Geometry, geometryOf } from './geometry.js';
import {
  CHECKSUM_CRC32C,
  COMPAT,
  EXT_MAGIC,
  FLAG_TEST_FILESYS,
  featureNames,
  INCOMPAT,
  INCOMPAT_SUPPORTED,
  RO_COMPAT,
  RO_COMPAT_WRITABLE,
  SUPERBLOCK_OFFSET,
  SUPERBLOCK_SIZE,
  type SuperblockFields,
  superblockLayout,
} from './layout.js';

/** Features up to which blkid says ext2 and ext3. */
const EXT3_INCOMPAT = INCOMPAT.FILETYPE | INCOMPAT.RECOVER | INCOMPAT.META_BG;
const EXT3_RO_COMPAT = RO_COMPAT.SPARSE_SUPER | RO_COMPAT.LARGE_FILE | RO_COMPAT.BTREE_DIR;

/**
 * A superblock over its 1024 raw bytes. Fields that writing changes are read from and written to the bytes; the others are in
 * `fields`, decoded once.
 */
export class Superblock {
  readonly fields: Readonly<SuperblockFields>;
  readonly geometry: Geometry;
  readonly checksum: ExtChecksum;

  /** @throws CorruptImageError when the geometry contradicts itself */
  constructor(readonly raw: Uint8Array) {
    this.fields = superblockLayout.decode(raw, 0, SUPERBLOCK_OFFSET);
    this.geometry = geometryOf(this.fields);
    this.checksum = ExtChecksum.of(this.fields);
  }

  /**
   * Parse and verify: magic, checksum, known features, geometry.
   * @throws CorruptImageError, UnsupportedFeatureError
   */
  static parse(raw: Uint8Array): Superblock {
    const fields = superblockLayout.decode(raw, 0, SUPERBLOCK_OFFSET);
    if (fields.magic !== EXT_MAGIC) throw corrupt('magic', EXT_MAGIC, fields.magic);
    checkFeatures(fields);
    if ((fields.featureRoCompat & RO_COMPAT.METADATA_CSUM) !== 0) {
      if (fields.checksumType !== CHECKSUM_CRC32C) {
        throw new UnsupportedFeatureError({ feature: `checksum type ${fields.checksumType}`, structure: 'ext4' });
      }
      const sum = superblockChecksum(raw);
      if (sum !== fields.checksum) throw corrupt('checksum', sum, fields.checksum);
    }
    return new Superblock(raw);
  }

  has(compat: number): boolean {
    return (this.get('featureCompat') & compat) !== 0;
  }
  hasIncompat(bit: number): boolean {
    return (this.get('featureIncompat') & bit) !== 0;
  }
  hasRoCompat(bit: number): boolean {
    return (this.get('featureRoCompat') & bit) !== 0;
  }

  /** The present value of one numeric field. */
  get(field: NumericField): number {
    const at = superblockLayout.offsetOf(field);
    const view = new DataView(this.raw.buffer, this.raw.byteOffset, this.raw.byteLength);
    const size = fieldSize(field);
    return size === 4 ? view.getUint32(at, true) : size === 2 ? view.getUint16(at, true) : view.getUint8(at);
  }

  /** Change fields in the raw bytes; {@link seal} updates the checksum. */
  set(values: Partial<SuperblockFields>): void {
    superblockLayout.encodeInto(values, this.raw);
  }

  /** Bring the checksum up to date. */
  seal(): void {
    if (this.checksum.metadata) this.set({ checksum: superblockChecksum(this.raw) });
  }

  /** Free blocks; blocks also where descriptors count clusters. */
  get freeBlocks(): number {
    const hi = this.hasIncompat(INCOMPAT.BIT64) ? this.get('freeBlocksHi') : 0;
    return this.get('freeBlocksLo') + hi * 0x100000000;
  }
  set freeBlocks(count: number) {
    this.set({ freeBlocksLo: count >>> 0 });
    if (this.hasIncompat(INCOMPAT.BIT64)) this.set({ freeBlocksHi: Math.floor(count / 0x100000000) });
  }

  get reservedBlocks(): number {
    const hi = this.hasIncompat(INCOMPAT.BIT64) ? this.get('reservedBlocksHi') : 0;
    return this.get('reservedBlocksLo') + hi * 0x100000000;
  }

  /** Set a time field and its upper eight bits. */
  setTime(field: 'mountTime' | 'writeTime' | 'lastCheck', time: Timestamp): void {
    this.set({ [field]: time.sec >>> 0, [`${field}Hi`]: Math.floor(time.sec / 0x100000000) & 0xff });
  }

  /** What a probe says about it. */
  signature(): FsSignature {
    return signatureOf(superblockLayout.decode(this.raw));
  }

  /** Names of features that forbid writing, empty when none does. */
  writeObstacles(): string[] {
    return featureNames('roCompat', (this.fields.featureRoCompat & ~RO_COMPAT_WRITABLE) >>> 0);
  }
}

type NumericField = {
  [K in keyof SuperblockFields]: SuperblockFields[K] extends number ? K : never;
}[keyof SuperblockFields] &
  string;

const SIZES = new Map<string, number>();
function fieldSize(field: NumericField): number {
  let size = SIZES.get(field);
  if (size === undefined) {
    const probe = superblockLayout.encode({ [field]: 0xffffffff });
    size = probe.reduce((n, byte) => (byte === 0 ? n : n + 1), 0);
    SIZES.set(field, size);
  }
  return size;
}

function corrupt(field: keyof SuperblockFields, expected: number, found: number): CorruptImageError {
  const offset = SUPERBLOCK_OFFSET + superblockLayout.offsetOf(field);
  return new CorruptImageError({ structure: 'ext4_super_block', field, offset, expected, found });
}

function checkFeatures(fields: SuperblockFields): void {
  if ((fields.featureIncompat & INCOMPAT.JOURNAL_DEV) !== 0) {
    throw new UnsupportedFeatureError({
      feature: 'external journal device',
      structure: 'ext4',
      workaround: 'open the file system that uses this journal',
    });
  }
  const unknown = (fields.featureIncompat & ~INCOMPAT_SUPPORTED) >>> 0;
  if (unknown !== 0) {
    const names = featureNames('incompat', unknown).join(', ');
    throw new UnsupportedFeatureError({ feature: names, structure: 'ext4 incompatible feature' });
  }
}

/** What blkid would say of these fields. */
export function signatureOf(fields: SuperblockFields): FsSignature {
  const label = textOf(fields.volumeName);
  const wide = (fields.featureIncompat & INCOMPAT.BIT64) !== 0;
  const blocks = fields.blocksCountLo + (wide ? fields.blocksCountHi * 0x100000000 : 0);
  return {
    type: typeOf(fields),
    ...(label === '' ? {} : { label }),
    ...(fields.uuid.every((b) => b === 0) ? {} : { uuid: uuidToString(fields.uuid) }),
    version: `${fields.revision}.${fields.minorRevision}`,
    ...(fields.logBlockSize <= 6 ? { size: blocks * (1024 << fields.logBlockSize) } : {}),
  };
}

function textOf(raw: Uint8Array): string {
  const end = raw.indexOf(0);
  return new TextDecoder().decode(end < 0 ? raw : raw.subarray(0, end));
}

function typeOf(fields: SuperblockFields): string {
  if ((fields.featureIncompat & INCOMPAT.JOURNAL_DEV) !== 0) return 'jbd';
  const beyond3 = (fields.featureIncompat & ~EXT3_INCOMPAT) !== 0 || (fields.featureRoCompat & ~EXT3_RO_COMPAT) !== 0;
  if (beyond3) return (fields.flags & FLAG_TEST_FILESYS) !== 0 ? 'ext4dev' : 'ext4';
  return (fields.featureCompat & COMPAT.HAS_JOURNAL) !== 0 ? 'ext3' : 'ext2';
}

/** Bytes of a superblock read from a device are `SUPERBLOCK_SIZE` at `SUPERBLOCK_OFFSET`. */
export function looksLikeSuperblock(raw: Uint8Array): boolean {
  return raw.length >= SUPERBLOCK_SIZE && raw[0x38] === 0x53 && raw[0x39] === 0xef;
}

import { viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, TruncatedImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { corrupt } from './corruption.js';
import {
  BASE_BLOCK_SIZE,
  BaseBlock,
  type BaseBlockFields,
  BIN_UNIT,
  CELL_UNIT,
  CHECKSUM_OFFSET,
  FileType,
} from './layout.js';
import type { HiveSource } from './source.js';

const SECTION = 'Base block';
const MAJOR = 1;
const MIN_MINOR = 3;
const MAX_MINOR = 6;
/** A sum of 0 is stored as 1, one of 0xffffffff as 0xfffffffe: Windows keeps both values free. */
const RESERVED_SUMS = new Map([
  [0, 1],
  [0xffffffff, 0xfffffffe],
]);

/** Checksum of a base block. Section "Base block", note 2. */
export function baseBlockChecksum(block: Uint8Array): number {
  const view = viewOf(block);
  let sum = 0;
  for (let at = 0; at < CHECKSUM_OFFSET; at += 4) sum ^= view.getUint32(at, true);
  return RESERVED_SUMS.get(sum >>> 0) ?? sum >>> 0;
}

/** Whether a base block has its signature and the right checksum. */
export function isSoundBlock(block: Uint8Array): boolean {
  const { signature, checksum } = BaseBlock.decode(block);
  return signature === 'regf' && checksum === baseBlockChecksum(block);
}

/** Put the checksum into a base block. */
export function sealBaseBlock(block: Uint8Array): void {
  BaseBlock.encodeInto({ checksum: baseBlockChecksum(block) }, block);
}

/**
 * The first 512 bytes of a hive or of its log.
 * @throws TruncatedImageError, CorruptImageError when it is no hive at all
 */
export async function readBlock(source: HiveSource): Promise<Uint8Array> {
  if (source.size < BASE_BLOCK_SIZE) {
    throw new TruncatedImageError({
      structure: 'regf.BaseBlock',
      offset: 0,
      needed: BASE_BLOCK_SIZE,
      available: source.size,
    });
  }
  const block = (await source.read(0, BaseBlock.size)).slice();
  const { signature } = BaseBlock.decode(block);
  if (signature !== 'regf') {
    throw new CorruptImageError({
      structure: 'regf.BaseBlock',
      field: 'signature',
      offset: 0,
      reason: 'this is no registry hive: it does not begin with "regf"',
    });
  }
  return block;
}

/**
 * Check what a base block says; its checksum has been looked at.
 * @throws UnsupportedFeatureError for versions other than 1.3 to 1.6
 * @throws CorruptImageError when a field makes no sense
 */
export function checkBaseBlock(fields: BaseBlockFields): void {
  const { majorVersion: major, minorVersion: minor, fileType } = fields;
  if (major !== MAJOR || minor < MIN_MINOR || minor > MAX_MINOR) {
    throw new UnsupportedFeatureError({
      feature: `registry hive version ${major}.${minor}`,
      structure: 'regf.BaseBlock',
    });
  }
  if (fileType !== FileType.primary) {
    throw corrupt('BaseBlock', SECTION, 0, `a transaction log (type ${fileType}), not a hive`, 'fileType');
  }
  if (fields.fileFormat !== 1) throw corrupt('BaseBlock', SECTION, 0, `format ${fields.fileFormat}`, 'fileFormat');
  if (fields.binsSize === 0 || fields.binsSize % BIN_UNIT !== 0) {
    throw corrupt('BaseBlock', SECTION, 0, `${fields.binsSize} bytes of bins`, 'binsSize');
  }
  if (fields.rootCell % CELL_UNIT !== 0 || fields.rootCell >= fields.binsSize) {
    throw corrupt('BaseBlock', SECTION, 0, `root cell at 0x${fields.rootCell.toString(16)}`, 'rootCell');
  }
}

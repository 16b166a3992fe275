import { crc32cRaw } from '@vmcraft/core/binary';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import {
  JOURNAL_BLOCK,
  JOURNAL_COMPAT_CHECKSUM,
  JOURNAL_INCOMPAT,
  JOURNAL_MAGIC,
  type JournalSuperblockFields,
  journalSuperblockLayout,
} from './layout.js';

const STRUCTURE = 'journal_superblock_s';
const CITATION = 'ext4 Data Structures and Algorithms, Journal (jbd2)';
/** Fast commit area of journals that do not say (`JBD2_DEFAULT_FAST_COMMIT_BLOCKS`). */
const DEFAULT_FAST_COMMIT_BLOCKS = 256;
/** Least blocks of the ordinary log (`JBD2_MIN_JOURNAL_BLOCKS`). */
const MIN_LOG_BLOCKS = 1024;
const KNOWN = Object.values(JOURNAL_INCOMPAT).reduce((all, bit) => all | bit, 0);

/** What a journal's superblock says. Positions are blocks of the journal. */
export interface JournalGeometry {
  readonly fields: JournalSuperblockFields;
  /** First block of the log. */
  readonly first: number;
  /** End of the log. */
  readonly last: number;
  /** Range of fast commit blocks, empty without the feature. */
  readonly fastFirst: number;
  readonly fastLast: number;
  readonly wide: boolean;
  /** Checksums of blocks: none, v2 or v3. */
  readonly checksums: 0 | 2 | 3;
  /** CRC-32 of a whole transaction in its commit block (v1). */
  readonly transactionChecksum: boolean;
  readonly asyncCommit: boolean;
  /** Seed of checksums v2 and v3. */
  readonly seed: number;
}

/**
 * Parse and verify a journal's superblock.
 * @param blocks length of the journal's file in blocks
 * @throws CorruptImageError, UnsupportedFeatureError
 */
export function parseJournalSuperblock(raw: Uint8Array, blockSize: number, blocks: number): JournalGeometry {
  const fields = journalSuperblockLayout.decode(raw);
  const fail = (field: keyof JournalSuperblockFields, found: number): never => {
    throw new CorruptImageError({
      structure: STRUCTURE,
      field,
      found,
      reason: `${field} is ${found}`,
      citation: CITATION,
    });
  };
  if (fields.magic !== JOURNAL_MAGIC) fail('magic', fields.magic);
  const v2 = fields.blockType === JOURNAL_BLOCK.SUPERBLOCK_V2;
  if (!v2 && fields.blockType !== JOURNAL_BLOCK.SUPERBLOCK_V1) fail('blockType', fields.blockType);
  if (fields.blockSize !== blockSize) fail('blockSize', fields.blockSize);
  if (fields.maxLength > blocks || fields.maxLength < 3) fail('maxLength', fields.maxLength);
  if (fields.first === 0 || fields.first >= fields.maxLength) fail('first', fields.first);
  const incompat = v2 ? fields.featureIncompat : 0;
  const unknown = (incompat & ~KNOWN) >>> 0;
  if (unknown !== 0) {
    throw new UnsupportedFeatureError({ feature: `journal feature 0x${unknown.toString(16)}`, structure: STRUCTURE });
  }
  const checksums =
    (incompat & JOURNAL_INCOMPAT.CSUM_V3) !== 0 ? 3 : (incompat & JOURNAL_INCOMPAT.CSUM_V2) !== 0 ? 2 : 0;
  if (checksums !== 0) verifyChecksum(raw, fields);
  const last = logEnd(fields, (incompat & JOURNAL_INCOMPAT.FAST_COMMIT) !== 0);
  if (fields.start !== 0 && (fields.start < fields.first || fields.start >= last)) fail('start', fields.start);
  return {
    fields,
    first: fields.first,
    last,
    fastFirst: last === fields.maxLength ? last : last + 1,
    fastLast: fields.maxLength,
    wide: (incompat & JOURNAL_INCOMPAT.BIT64) !== 0,
    checksums,
    transactionChecksum: v2 && (fields.featureCompat & JOURNAL_COMPAT_CHECKSUM) !== 0,
    asyncCommit: (incompat & JOURNAL_INCOMPAT.ASYNC_COMMIT) !== 0,
    seed: crc32cRaw(0xffffffff, fields.uuid),
  };
}

function logEnd(fields: JournalSuperblockFields, fastCommit: boolean): number {
  if (!fastCommit) return fields.maxLength;
  const count = fields.fastCommitBlocks === 0 ? DEFAULT_FAST_COMMIT_BLOCKS : fields.fastCommitBlocks;
  return fields.maxLength - count >= MIN_LOG_BLOCKS ? fields.maxLength - count : fields.maxLength;
}

/** Checksum of a journal superblock: over its 1024 bytes with the field zeroed. */
export function journalSuperblockChecksum(raw: Uint8Array): number {
  const copy = raw.slice(0, 1024);
  copy.fill(0, 0xfc, 0x100);
  return crc32cRaw(0xffffffff, copy);
}

function verifyChecksum(raw: Uint8Array, fields: JournalSuperblockFields): void {
  const expected = journalSuperblockChecksum(raw);
  if (expected === fields.checksum) return;
  throw new CorruptImageError({ structure: STRUCTURE, field: 's_checksum', expected, found: fields.checksum });
}

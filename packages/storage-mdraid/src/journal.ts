import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import type { ArraySet } from './array-set.js';
import { FEATURE, JOURNAL_BLOCK, JOURNAL_MAGIC, JournalBlock, SECTOR } from './layout.js';
import { MissingMemberError } from './missing-member.js';

/**
 * Make sure that the write journal of an array, where it has one, holds nothing that the members do not hold (Linux
 * Documentation/driver-api/md/raid5-cache.rst).
 * @throws UnsupportedFeatureError when it does; MissingMemberError when the journal is not there
 */
export async function requireEmptyJournal({ superblock, journal, title }: ArraySet): Promise<void> {
  if ((superblock.features & FEATURE.journal) === 0) return;
  if (journal === undefined) {
    throw new MissingMemberError(title, 'its write journal is missing; add the disk that holds it');
  }
  const { dataOffset, dataSize, journalTail } = journal.superblock;
  const refuse = (): never => {
    const workaround = 'let Linux assemble it once, which writes the journal back';
    throw new UnsupportedFeatureError({ structure: title, feature: 'a write journal that is not empty', workaround });
  };
  const read = async (sector: bigint) => {
    const at = dataOffset + Number(sector) * SECTOR;
    if (Number(sector) * SECTOR + JOURNAL_BLOCK > dataSize) return refuse();
    return JournalBlock.decode(await journal.device.read(at, JournalBlock.size));
  };
  const first = await read(journalTail);
  if (first.magic !== JOURNAL_MAGIC || first.position !== journalTail) return;
  if (first.metaSize > JournalBlock.size) return refuse();
  // A clean stop leaves one empty block; what md wrote behind it since has the next number.
  const next = journalTail + BigInt(JOURNAL_BLOCK / SECTOR);
  if (Number(next) * SECTOR + JOURNAL_BLOCK > dataSize) return refuse();
  const second = await read(next);
  if (second.magic === JOURNAL_MAGIC && second.sequence === first.sequence + 1n) refuse();
}

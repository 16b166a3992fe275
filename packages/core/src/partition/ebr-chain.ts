import { chsBytes } from './chs.js';
import { MBR_TYPE, type MbrPartitionRecord } from './layout-mbr.js';
import { EMPTY_RECORD } from './protective-mbr.js';

/** A logical partition being edited, and where its EBR lies. Sectors from the start of the disk. */
export interface LogicalSlot {
  ebrLba: number;
  readonly startLba: number;
  readonly record: MbrPartitionRecord;
}

/** One EBR to write. */
export interface EbrWrite {
  readonly lba: number;
  readonly records: readonly MbrPartitionRecord[];
}

/**
 * The EBRs that say what `logicals` are, last first, so that a chain cut short by a crash never points at stale sectors.
 * The first EBR is always the first sector of the extended partition; an empty one is written when there are no partitions.
 */
export function ebrWrites(extendedStart: number, logicals: readonly LogicalSlot[]): EbrWrite[] {
  if (logicals.length === 0) return [{ lba: extendedStart, records: [] }];
  logicals[0]!.ebrLba = extendedStart;
  const writes = logicals.map((slot, i): EbrWrite => {
    const data = { ...slot.record, startingLba: slot.startLba - slot.ebrLba };
    const next = logicals[i + 1];
    return { lba: slot.ebrLba, records: next === undefined ? [data] : [data, linkTo(next, extendedStart)] };
  });
  return writes.reverse();
}

/** The second record of an EBR: where the next one lies, counted from the extended partition, and how far it reaches. */
function linkTo(next: LogicalSlot, extendedStart: number): MbrPartitionRecord {
  const end = next.startLba + next.record.sizeInLba - 1;
  return {
    ...EMPTY_RECORD,
    osType: MBR_TYPE.extendedChs,
    startingChs: chsBytes(next.ebrLba),
    endingChs: chsBytes(end),
    startingLba: next.ebrLba - extendedStart,
    sizeInLba: end - next.ebrLba + 1,
  };
}

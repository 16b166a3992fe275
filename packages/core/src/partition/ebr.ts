import { isExtendedType, MasterBootRecord, MBR_SIGNATURE, MBR_SIZE, type MbrPartitionRecord } from './layout-mbr.js';
import type { TableSource } from './table-source.js';

/** Chain links without a partition that are followed; Linux gives up after as many. */
const MAX_EMPTY_LINKS = 100;

/** A logical partition and the EBR that describes it. Addresses are sectors from the start of the disk. */
export interface EbrLink {
  readonly ebrLba: number;
  readonly startLba: number;
  readonly record: MbrPartitionRecord;
}

/**
 * Logical partitions of an extended partition in the order of their chain, which is the order of their numbers.
 *
 * Each EBR describes partitions relative to itself and the next EBR relative to the extended partition. A broken chain ends
 * with a warning, as the partitions before it are good.
 */
export async function readEbrChain(
  source: TableSource,
  extended: MbrPartitionRecord,
  sectorSize: number,
  limit: number,
): Promise<EbrLink[]> {
  const first = extended.startingLba;
  const end = first + extended.sizeInLba;
  const found: EbrLink[] = [];
  const visited = new Set<number>();
  let empty = 0;
  for (let lba: number | undefined = first, span = extended.sizeInLba; lba !== undefined; ) {
    if (visited.has(lba)) return stop(source, found, `the chain of EBRs loops at sector ${lba}`);
    visited.add(lba);
    const sector = await source.readAt(lba * sectorSize, MBR_SIZE);
    if (sector === undefined) return stop(source, found, `EBR at sector ${lba} lies past the end of the disk`);
    const ebr = MasterBootRecord.decode(sector, 0, lba * sectorSize);
    if (ebr.signature !== MBR_SIGNATURE) {
      // An extended partition that was never filled has no EBR at all.
      return lba === first ? found : stop(source, found, `EBR at sector ${lba} has no signature`);
    }
    const data = dataRecords(ebr.partitionRecord, lba, span, first, end);
    for (const record of data) {
      if (found.length >= limit) return stop(source, found, `more than ${limit} logical partitions`);
      found.push({ ebrLba: lba, startLba: lba + record.startingLba, record });
    }
    empty = data.length === 0 ? empty + 1 : 0;
    if (empty > MAX_EMPTY_LINKS) return stop(source, found, `more than ${MAX_EMPTY_LINKS} EBRs without a partition`);
    const next: MbrPartitionRecord | undefined = ebr.partitionRecord.find(
      (r) => r.sizeInLba !== 0 && isExtendedType(r.osType),
    );
    if (next === undefined) break;
    lba = first + next.startingLba;
    span = next.sizeInLba;
    if (lba >= end) return stop(source, found, `EBR at sector ${lba} lies outside the extended partition`);
  }
  return found;
}

function stop(source: TableSource, found: EbrLink[], reason: string): EbrLink[] {
  source.defect(`extended partition: ${reason}; logical partitions after number ${found.length + 4} are not shown`);
  return found;
}

/** Records of partitions in one EBR. Some OS/2 versions put junk in the last two, so those must fit their surroundings. */
function dataRecords(
  records: readonly MbrPartitionRecord[],
  lba: number,
  span: number,
  first: number,
  end: number,
): MbrPartitionRecord[] {
  return records.filter((r, i) => {
    if (r.sizeInLba === 0 || r.osType === 0 || isExtendedType(r.osType)) return false;
    if (i < 2) return true;
    const start = lba + r.startingLba;
    return r.startingLba + r.sizeInLba <= span && start >= first && start + r.sizeInLba <= end;
  });
}

import { isZero } from '../binary/index.js';
import { bootSectorOwner, isBitlockerToGo } from './boot-sector.js';
import { type EbrLink, readEbrChain } from './ebr.js';
import {
  BOOT_ACTIVE,
  FIRST_LOGICAL,
  isExtendedType,
  MasterBootRecord,
  MBR_SIGNATURE,
  MBR_SIZE,
  MBR_TYPE,
  type MbrPartitionRecord,
} from './layout-mbr.js';
import type { TableSource } from './table-source.js';
import type { Partition } from './types.js';

/** A decoded MBR with its logical partitions, in sectors. */
export interface MbrContents {
  readonly sectorSize: number;
  readonly diskId: number;
  readonly records: readonly MbrPartitionRecord[];
  readonly logicals: readonly EbrLink[];
}

/** Whether a record describes a partition. Linux ignores records without size. */
export function isUsed(record: MbrPartitionRecord): boolean {
  return record.sizeInLba !== 0 && record.osType !== MBR_TYPE.empty;
}

/**
 * The records of sector 0 if it is an MBR: signature, boot indicators that are 0 or 0x80, and no file system's boot sector.
 */
export function decodeMbr(sector: Uint8Array): ReturnType<typeof MasterBootRecord.decode> | undefined {
  const mbr = MasterBootRecord.decode(sector);
  if (mbr.signature !== MBR_SIGNATURE) return undefined;
  if (mbr.partitionRecord.some((r) => (r.bootIndicator & ~BOOT_ACTIVE) !== 0)) return undefined;
  if (isBitlockerToGo(sector)) return undefined;
  // A boot sector of a file system is no table, unless a complete table was put there on purpose (hybrid images do).
  if (bootSectorOwner(sector) !== undefined && !looksDeliberate(mbr.partitionRecord)) return undefined;
  return mbr;
}

/** Hybrid sticks (a FAT boot sector that also has records): unused records all zero, used ones with plausible fields. */
function looksDeliberate(records: readonly MbrPartitionRecord[]): boolean {
  return (
    records.some((r) => isUsed(r) && r.startingLba !== 0) &&
    records.every((r) => (isUsed(r) ? r.startingLba !== 0 : r.startingLba === 0 && isZero(r.startingChs)))
  );
}

/** Whether the MBR protects a GPT (UEFI 2.10 section 5.2.3): any record of type 0xEE, so hybrids count. */
export function isProtective(records: readonly MbrPartitionRecord[]): boolean {
  return records.some((r) => r.osType === MBR_TYPE.gptProtective);
}

/** Read the MBR and the EBR chain of its extended partition. */
export async function readMbr(source: TableSource, sectorSize: number): Promise<MbrContents | undefined> {
  const sector = await source.readAt(0, MBR_SIZE);
  const mbr = sector === undefined ? undefined : decodeMbr(sector);
  if (mbr === undefined) return undefined;
  const logicals: EbrLink[] = [];
  for (const record of mbr.partitionRecord) {
    if (!isUsed(record) || !isExtendedType(record.osType)) continue;
    logicals.push(...(await readEbrChain(source, record, sectorSize, source.maxPartitions - 4 - logicals.length)));
  }
  return { sectorSize, diskId: mbr.uniqueMbrSignature, records: mbr.partitionRecord, logicals };
}

/** PARTUUID of an MBR partition, as Linux forms it. */
function partUuid(diskId: number, number: number): { uuid?: string } {
  if (diskId === 0) return {};
  return { uuid: `${hex(diskId, 8)}-${hex(number, 2)}` };
}

/** Lower-case hexadecimal digits, padded. */
export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** Primary, extended and logical partitions in bytes. */
export function mbrPartitions(mbr: MbrContents): Partition[] {
  const make = (number: number, kind: Partition['kind'], startLba: number, record: MbrPartitionRecord): Partition => ({
    number,
    kind,
    start: startLba * mbr.sectorSize,
    size: record.sizeInLba * mbr.sectorSize,
    type: hex(record.osType, 2),
    bootable: record.bootIndicator === BOOT_ACTIVE,
    ...partUuid(mbr.diskId, number),
  });
  const primaries = mbr.records.flatMap((record, i) => {
    if (!isUsed(record)) return [];
    return [make(i + 1, isExtendedType(record.osType) ? 'extended' : 'primary', record.startingLba, record)];
  });
  const logicals = mbr.logicals.map((link, i) => make(FIRST_LOGICAL + i, 'logical', link.startLba, link.record));
  return [...primaries, ...logicals];
}

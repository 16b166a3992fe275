import type { BlockDevice } from '../contracts/index.js';
import { CorruptImageError } from '../errors/index.js';
import { readApm } from './apm.js';
import { holdsBsdLabel, readBsdLabel } from './bsd.js';
import { type GptContents, gptPartitions, readGpt } from './gpt.js';
import { GPT_SIGNATURE } from './layout-gpt.js';
import { MBR_SIZE } from './layout-mbr.js';
import { decodeMbr, hex, isProtective, isUsed, type MbrContents, mbrPartitions, readMbr } from './mbr.js';
import { nameOtherTable } from './other-tables.js';
import { readSunLabel } from './sun.js';
import { TableSource } from './table-source.js';
import type { Partition, PartitionTable, PartitionTableType, ReadTableOptions } from './types.js';

/** Sector sizes tried for a GPT: the device's own first. */
const SECTOR_SIZES = [512, 4096] as const;

/**
 * The partition table of a disk.
 *
 * A GPT counts only behind an MBR that protects it (hybrids included), in sectors of the device's size or, with a warning, of
 * the other usual size. Otherwise the MBR is read, then the labels of other systems.
 *
 * @returns undefined when the disk has none, which is no error: it may hold a file system as a whole
 * @throws CorruptImageError when the MBR protects a GPT and neither copy of it is good
 * @example
 * const table = await readPartitionTable(device);
 * for (const p of table?.partitions ?? []) console.log(p.number, p.start, p.size);
 */
export async function readPartitionTable(
  device: BlockDevice,
  options: ReadTableOptions = {},
): Promise<PartitionTable | undefined> {
  const source = new TableSource(device, options);
  const sector = await source.readAt(0, MBR_SIZE);
  if (sector === undefined) return undefined;
  const mbr = decodeMbr(sector);
  if (mbr !== undefined && isProtective(mbr.partitionRecord)) return readProtectedGpt(source);
  const contents = mbr === undefined ? undefined : await readMbr(source, device.sectorSize);
  // Boot records of NEC and IBM systems end in 55 AA too.
  const isEmpty = contents?.records.every((r) => !isUsed(r)) ?? true;
  if (contents === undefined || (isEmpty && (await nameOtherTable(source)) !== undefined)) return readOther(source);
  return mbrTable(source, contents);
}

async function readProtectedGpt(source: TableSource): Promise<PartitionTable> {
  const gpt = await findGpt(source);
  if (gpt === undefined) {
    throw new CorruptImageError({
      structure: 'GptHeader',
      field: 'signature',
      offset: source.device.sectorSize,
      expected: GPT_SIGNATURE,
      found: 'nothing',
      citation: 'UEFI 2.10 section 5.2.3',
      reason: 'the MBR protects a GPT, but there is none at the start or the end of the disk',
    });
  }
  return gptTable(source, gpt);
}

/**
 * The GPT of a disk, in whichever sector size it was made.
 * @throws CorruptImageError when headers are there and all are bad
 */
export async function findGpt(source: TableSource): Promise<GptContents | undefined> {
  const own = source.device.sectorSize;
  let broken: unknown;
  for (const sectorSize of [own, ...SECTOR_SIZES.filter((s) => s !== own)]) {
    try {
      const gpt = await readGpt(source, sectorSize);
      if (gpt === undefined) continue;
      if (sectorSize !== own) source.defect(`the GPT was made for sectors of ${sectorSize} bytes, the disk has ${own}`);
      return gpt;
    } catch (error) {
      if (!(error instanceof CorruptImageError)) throw error;
      broken ??= error;
    }
  }
  if (broken !== undefined) throw broken;
  return undefined;
}

function gptTable(source: TableSource, gpt: GptContents): PartitionTable {
  const partitions = gptPartitions(gpt, source);
  warnOverlaps(source, partitions);
  return {
    type: 'gpt',
    sectorSize: gpt.sectorSize,
    id: gpt.header.diskGuid,
    partitions,
    usable: { first: Number(gpt.header.firstUsableLba), last: Number(gpt.header.lastUsableLba) },
    defects: source.defects,
  };
}

async function mbrTable(source: TableSource, mbr: MbrContents): Promise<PartitionTable> {
  const partitions = mbrPartitions(mbr);
  warnOverlaps(source, partitions);
  for (const [i, record] of mbr.records.entries()) {
    if (!isUsed(record) || !holdsBsdLabel(record.osType)) continue;
    const outer = partitions.find((p) => p.number === i + 1)!;
    const slice = { start: outer.start, size: outer.size, osType: record.osType };
    const next = Math.max(5, 1 + partitions.reduce((max, p) => Math.max(max, p.number), 0));
    partitions.push(...((await readBsdLabel(source, slice, mbr.sectorSize, next)) ?? []));
  }
  const id = mbr.diskId === 0 ? {} : { id: hex(mbr.diskId, 8) };
  return { type: 'msdos', sectorSize: mbr.sectorSize, partitions, defects: source.defects, ...id };
}

/** Neighbours in order of start that run into each other. An extended partition may hold its logical ones. */
function warnOverlaps(source: TableSource, partitions: readonly Partition[]): void {
  const byStart = partitions.filter((p) => p.kind !== 'extended').sort((a, b) => a.start - b.start);
  let reach: Partition | undefined;
  for (const p of byStart) {
    if (reach !== undefined && p.start < reach.start + reach.size) {
      source.defect(`partitions ${reach.number} and ${p.number} overlap`);
    }
    if (reach === undefined || p.start + p.size > reach.start + reach.size) reach = p;
  }
}

async function readOther(source: TableSource): Promise<PartitionTable | undefined> {
  const make = (type: PartitionTableType, partitions: Partition[], sectorSize = 512): PartitionTable => ({
    type,
    sectorSize,
    partitions,
    defects: source.defects,
  });
  const sun = await readSunLabel(source);
  if (sun !== undefined) return make('sun', sun);
  const apm = await readApm(source);
  if (apm !== undefined) return make('mac', apm.partitions, apm.sectorSize);
  const whole = { start: 0, size: source.device.size };
  const bsd = await readBsdLabel(source, whole, source.device.sectorSize, 1);
  if (bsd !== undefined) return make('bsd', bsd, source.device.sectorSize);
  const named = await nameOtherTable(source);
  if (named === undefined) return undefined;
  source.defect(`partitions of a table of type ${named} are not read`);
  return make(named, []);
}

import { crc32, isPowerOfTwo, isZero, toSafeInteger } from '../binary/index.js';
import { CorruptImageError, messageOf } from '../errors/index.js';
import {
  GPT_ENTRY_SIZE,
  GPT_HEADER_SIZE,
  GPT_MAX_ENTRY_ARRAY_BYTES,
  GPT_PRIMARY_LBA,
  GPT_SIGNATURE,
  GptHeader,
  GptPartitionEntry,
} from './layout-gpt.js';
import type { TableSource } from './table-source.js';
import { GUID_TYPE } from './type-guids.js';
import type { Partition } from './types.js';

/** A GPT that passed its checks: the header used and its raw entries. */
export interface GptContents {
  readonly sectorSize: number;
  readonly header: GptHeader;
  /** `numberOfPartitionEntries` x `sizeOfPartitionEntry` bytes. */
  readonly entries: Uint8Array;
  /** Which copy was read. */
  readonly copy: 'primary' | 'backup';
}

const CITATION = 'UEFI 2.10 section 5.3.2';

function corrupt(field: keyof GptHeader, offset: number, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure: 'GptHeader', field, offset, expected, found, citation: CITATION });
}

/**
 * Check a header sector.
 * @throws CorruptImageError naming the field that breaks the specification
 */
export function checkGptHeader(sector: Uint8Array, lba: number, sectorSize: number): GptHeader {
  const offset = lba * sectorSize;
  const header = GptHeader.decode(sector, 0, offset);
  if (header.signature !== GPT_SIGNATURE) throw corrupt('signature', offset, GPT_SIGNATURE, header.signature);
  if (header.headerSize < GPT_HEADER_SIZE || header.headerSize > sectorSize) {
    throw corrupt('headerSize', offset, `${GPT_HEADER_SIZE}..${sectorSize}`, header.headerSize);
  }
  const summed = sector.slice(0, header.headerSize);
  summed.fill(0, GptHeader.offsetOf('headerCrc32'), GptHeader.offsetOf('headerCrc32') + 4);
  const crc = crc32(summed);
  if (crc !== header.headerCrc32) throw corrupt('headerCrc32', offset, crc, header.headerCrc32);
  if (header.myLba !== BigInt(lba)) throw corrupt('myLba', offset, lba, header.myLba);
  if (header.firstUsableLba > header.lastUsableLba) {
    throw corrupt('firstUsableLba', offset, `at most ${header.lastUsableLba}`, header.firstUsableLba);
  }
  const size = header.sizeOfPartitionEntry;
  if (size < GPT_ENTRY_SIZE.min || size > GPT_ENTRY_SIZE.max || !isPowerOfTwo(size)) {
    throw corrupt('sizeOfPartitionEntry', offset, '128, 256, ... 4096', size);
  }
  const bytes = size * header.numberOfPartitionEntries;
  if (bytes === 0 || bytes > GPT_MAX_ENTRY_ARRAY_BYTES) {
    throw corrupt('numberOfPartitionEntries', offset, `at most ${GPT_MAX_ENTRY_ARRAY_BYTES / size}`, bytes / size);
  }
  for (const field of ['partitionEntryLba', 'alternateLba', 'lastUsableLba'] as const) {
    toSafeInteger(header[field] * BigInt(sectorSize), `GptHeader.${field}`);
  }
  return header;
}

/** Read one copy. @throws CorruptImageError when it breaks the specification, undefined when there is no GPT header at all */
async function readCopy(
  source: TableSource,
  lba: number,
  sectorSize: number,
  copy: GptContents['copy'],
): Promise<GptContents | undefined> {
  const sector = await source.readAt(lba * sectorSize, sectorSize);
  if (sector === undefined || GptHeader.decode(sector).signature !== GPT_SIGNATURE) return undefined;
  const header = checkGptHeader(sector, lba, sectorSize);
  const at = Number(header.partitionEntryLba) * sectorSize;
  const entries = await source.readAt(at, header.numberOfPartitionEntries * header.sizeOfPartitionEntry);
  if (entries === undefined) {
    const last = Math.floor(source.device.size / sectorSize) - 1;
    throw corrupt('partitionEntryLba', lba * sectorSize, `at most ${last}`, header.partitionEntryLba);
  }
  const crc = crc32(entries);
  if (crc !== header.partitionEntryArrayCrc32) {
    throw corrupt('partitionEntryArrayCrc32', lba * sectorSize, crc, header.partitionEntryArrayCrc32);
  }
  return { sectorSize, header, entries, copy };
}

type Attempt = { readonly contents?: GptContents; readonly error?: unknown };

async function attempt(read: Promise<GptContents | undefined>): Promise<Attempt> {
  try {
    const contents = await read;
    return contents === undefined ? {} : { contents };
  } catch (error) {
    if (error instanceof CorruptImageError) return { error };
    throw error;
  }
}

/**
 * The GPT in sectors of this size: the primary copy, or the backup at the end of the disk when the primary is bad.
 * @returns undefined when neither place has a header
 * @throws CorruptImageError when there are headers but none is good
 */
export async function readGpt(source: TableSource, sectorSize: number): Promise<GptContents | undefined> {
  const lastLba = Math.floor(source.device.size / sectorSize) - 1;
  const primary = await attempt(readCopy(source, GPT_PRIMARY_LBA, sectorSize, 'primary'));
  if (primary.contents !== undefined) {
    await checkBackup(source, primary.contents, lastLba);
    return primary.contents;
  }
  if (lastLba <= GPT_PRIMARY_LBA) return undefined;
  const backup = await attempt(readCopy(source, lastLba, sectorSize, 'backup'));
  if (backup.contents !== undefined) {
    const reason = primary.error === undefined ? 'missing' : `bad (${messageOf(primary.error)})`;
    source.defect(`the primary GPT is ${reason}: the backup is used`);
    return backup.contents;
  }
  if (primary.error !== undefined) throw primary.error;
  if (backup.error !== undefined) throw backup.error;
  return undefined;
}

async function checkBackup(source: TableSource, primary: GptContents, lastLba: number): Promise<void> {
  const { alternateLba } = primary.header;
  if (alternateLba > BigInt(lastLba)) {
    source.defect(
      `the GPT was made for a larger disk: its backup belongs at sector ${alternateLba}, the last is ${lastLba}`,
    );
    return;
  }
  const backup = await attempt(readCopy(source, Number(alternateLba), primary.sectorSize, 'backup'));
  if (backup.contents === undefined) {
    const reason = backup.error === undefined ? 'missing' : `bad (${messageOf(backup.error)})`;
    source.defect(`the backup GPT is ${reason}`);
  } else if (backup.contents.header.partitionEntryArrayCrc32 !== primary.header.partitionEntryArrayCrc32) {
    source.defect('the backup GPT has other partitions than the primary, which is used');
  }
}

/** The entry at a 0-based index. */
export function gptEntry(gpt: Pick<GptContents, 'header' | 'entries'>, index: number): GptPartitionEntry {
  return GptPartitionEntry.decode(gpt.entries, index * gpt.header.sizeOfPartitionEntry);
}

/** Whether the entry at an offset of the array has a type. */
export function isEntryUsed(entries: Uint8Array, offset: number): boolean {
  return !isZero(entries.subarray(offset, offset + 16));
}

/** Partitions in bytes; entries that make no sense are left out with a warning. */
export function gptPartitions(gpt: GptContents, source: TableSource): Partition[] {
  const found: Partition[] = [];
  const { numberOfPartitionEntries, sizeOfPartitionEntry } = gpt.header;
  for (let i = 0; i < numberOfPartitionEntries; i++) {
    if (!isEntryUsed(gpt.entries, i * sizeOfPartitionEntry)) continue;
    if (found.length >= source.maxPartitions) {
      source.defect(`more than ${source.maxPartitions} partitions: the rest is not shown`);
      break;
    }
    const partition = toPartition(gpt, i);
    if (partition === undefined) source.defect(`partition ${i + 1} ends before it starts or beyond 2^53 bytes`);
    else found.push(partition);
  }
  return found;
}

function toPartition(gpt: GptContents, index: number): Partition | undefined {
  const entry = gptEntry(gpt, index);
  const unit = BigInt(gpt.sectorSize);
  const end = (entry.endingLba + 1n) * unit;
  if (entry.endingLba < entry.startingLba || end > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return {
    number: index + 1,
    kind: 'primary',
    start: Number(entry.startingLba * unit),
    size: Number((entry.endingLba - entry.startingLba + 1n) * unit),
    type: entry.partitionTypeGuid,
    uuid: entry.uniquePartitionGuid,
    name: entry.partitionName,
    bootable: entry.partitionTypeGuid === GUID_TYPE.efiSystem,
    attributes: entry.attributes,
  };
}

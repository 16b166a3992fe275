import type { BlockDevice } from '../contracts/index.js';
import { CapabilityError, CorruptImageError, UnsupportedFeatureError, UsageError } from '../errors/index.js';
import { bootSectorOwner } from './boot-sector.js';
import { GptEditor } from './gpt-editor.js';
import { GPT_SIGNATURE } from './layout-gpt.js';
import { MBR_SIZE } from './layout-mbr.js';
import { decodeMbr, isProtective, readMbr } from './mbr.js';
import { MbrEditor } from './mbr-editor.js';
import { nameOtherTable } from './other-tables.js';
import { findGpt, readPartitionTable } from './read-table.js';
import { TableSource } from './table-source.js';
import type { PartitionTableType, ReadTableOptions } from './types.js';

/** A table being edited; `type` tells which. */
export type PartitionTableEditor = GptEditor | MbrEditor;

/** Names guestfs and parted take for table types, and the type each means. */
const TYPE_NAMES: Readonly<Record<string, PartitionTableType>> = {
  gpt: 'gpt',
  efi: 'gpt',
  mbr: 'msdos',
  msdos: 'msdos',
  aix: 'aix',
  amiga: 'amiga',
  rdb: 'amiga',
  bsd: 'bsd',
  dasd: 'dasd',
  dvh: 'dvh',
  mac: 'mac',
  pc98: 'pc98',
  sun: 'sun',
};

/** Sectors `part_disk` leaves free at either end, so that partitions are aligned and a GPT fits. */
const WHOLE_DISK_MARGIN = 128;

/**
 * The table type that a name of guestfs `part_init` means.
 * @throws UsageError when it means none
 */
export function partitionTableType(name: string): PartitionTableType {
  const type = Object.hasOwn(TYPE_NAMES, name) ? TYPE_NAMES[name] : undefined;
  if (type !== undefined) return type;
  throw new UsageError(`unknown partition type: ${name}: common choices are "gpt" and "msdos"`, {
    argument: 'parttype',
  });
}

/**
 * Write an empty partition table, replacing any other. Signatures of tables that were there are erased; file systems are not.
 * @param typeName `gpt`, `efi`, `mbr` or `msdos`
 * @throws UsageError for an unknown name or a device that is too small
 * @throws UnsupportedFeatureError for types that are only recognised
 */
export async function initPartitionTable(device: BlockDevice, typeName: string): Promise<PartitionTableEditor> {
  const editor = newEditor(device, partitionTableType(typeName));
  await eraseTables(device);
  await editor.write();
  return editor;
}

function newEditor(device: BlockDevice, type: PartitionTableType): PartitionTableEditor {
  if (!device.writable) throw CapabilityError.readOnly('the disk');
  if (type === 'gpt') return GptEditor.create(device);
  if (type === 'msdos') return MbrEditor.create(device);
  throw new UnsupportedFeatureError({
    feature: `creating a partition table of type ${type}`,
    workaround: 'use gpt or msdos',
  });
}

/** A table of one partition over the whole disk, with 128 sectors left free at either end (guestfs `part_disk`). */
export async function partitionWholeDisk(device: BlockDevice, typeName: string): Promise<void> {
  const editor = newEditor(device, partitionTableType(typeName));
  editor.add({ start: WHOLE_DISK_MARGIN, end: -WHOLE_DISK_MARGIN, name: 'p1' });
  await eraseTables(device);
  await editor.write();
}

/** Overwrite the marks of every table: sector 0's records, GPT headers in either sector size, Sun, Apple, BSD and others. */
async function eraseTables(device: BlockDevice): Promise<void> {
  const head = Math.min(device.size, 16 * MBR_SIZE);
  const start = (await device.read(0, head)).slice();
  const foreign = (await nameOtherTable(new TableSource(device))) !== undefined;
  const mbr = decodeMbr(start);
  // Boot code stays; the boot sector of a file system or another table would make the new table look like that.
  if (foreign || mbr === undefined || bootSectorOwner(start) !== undefined) start.fill(0, 0, MBR_SIZE);
  start.fill(0, 440, MBR_SIZE);
  if (foreign) start.fill(0, MBR_SIZE);
  else if (mbr === undefined && (await isOtherTable(device))) start.fill(0, MBR_SIZE, 3 * MBR_SIZE);
  await device.write(0, start);
  for (const sectorSize of [512, 4096]) {
    const last = Math.floor(device.size / sectorSize) - 1;
    for (const lba of [1, last]) await eraseGptHeader(device, lba * sectorSize, sectorSize);
  }
}

async function isOtherTable(device: BlockDevice): Promise<boolean> {
  const table = await readPartitionTable(device);
  return table !== undefined && table.type !== 'msdos' && table.type !== 'gpt';
}

async function eraseGptHeader(device: BlockDevice, at: number, sectorSize: number): Promise<void> {
  if (at < MBR_SIZE || at + sectorSize > device.size) return;
  const text = new TextDecoder('latin1').decode(await device.read(at, GPT_SIGNATURE.length));
  if (text === GPT_SIGNATURE) await device.write(at, new Uint8Array(sectorSize));
}

/**
 * Open the partition table for editing. Nothing is written before `write()`.
 * @throws UsageError when the disk has no table
 * @throws UnsupportedFeatureError for tables that are only read
 * @throws CorruptImageError when writing the table back could lose partitions: a broken EBR chain, a GPT larger than the disk
 */
export async function openTableEditor(
  device: BlockDevice,
  options: ReadTableOptions = {},
): Promise<PartitionTableEditor> {
  if (!device.writable) throw CapabilityError.readOnly('the disk');
  const source = new TableSource(device, options);
  const sector = await source.readAt(0, MBR_SIZE);
  const mbr = sector === undefined ? undefined : decodeMbr(sector);
  if (mbr !== undefined && isProtective(mbr.partitionRecord)) {
    const gpt = await findGpt(source);
    if (gpt !== undefined) return new GptEditor(device, gpt);
    throw new CorruptImageError({ structure: 'GptHeader', reason: 'the MBR protects a GPT that is not there' });
  }
  const contents = mbr === undefined ? undefined : await readMbr(source, device.sectorSize);
  if (contents === undefined) {
    const other = await readPartitionTable(device, options);
    if (other === undefined)
      throw new UsageError('the disk has no partition table', { hint: 'make one with part-init' });
    throw new UnsupportedFeatureError({ feature: `editing a partition table of type ${other.type}` });
  }
  const [defect] = source.defects;
  if (defect !== undefined)
    throw new CorruptImageError({ structure: 'EBR', reason: `${defect}; the table is not edited` });
  return new MbrEditor(device, contents);
}

/**
 * Change a partition table in place: open it, run `change`, write it.
 * @example await editPartitionTable(device, (table) => table.setBootable(1, true));
 */
export async function editPartitionTable<T>(
  device: BlockDevice,
  change: (table: PartitionTableEditor) => T,
  options: ReadTableOptions = {},
): Promise<T> {
  const editor = await openTableEditor(device, options);
  const result = change(editor);
  await editor.write();
  return result;
}

/** Narrow to a GPT. @throws UsageError when it is another table */
export function requireGpt(table: PartitionTableEditor, action?: string): GptEditor {
  if (table.type === 'gpt') return table;
  throw new UsageError(`the partition table is ${table.type}, not gpt`, action === undefined ? {} : { action });
}

/** Narrow to an MBR. @throws UsageError when it is another table */
export function requireMbr(table: PartitionTableEditor, action?: string): MbrEditor {
  if (table.type === 'msdos') return table;
  throw new UsageError(`the partition table is ${table.type}, not msdos`, action === undefined ? {} : { action });
}

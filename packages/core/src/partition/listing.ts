import type { BlockDevice } from '../contracts/index.js';
import { partitionTypeName } from './type-names.js';
import type { Partition, PartitionTable } from './types.js';

/** A size as sfdisk(8) shows it: one decimal unless it is whole. */
function humanSize(bytes: number, units: readonly string[], between: string): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const tenths = Math.round(value * 10) / 10;
  return `${Number.isInteger(tenths) ? tenths : tenths.toFixed(1)}${between}${units[unit]}`;
}

const LONG_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const SHORT_UNITS = ['B', 'K', 'M', 'G', 'T', 'P'];

/** One column: text is set flush left, numbers flush right. */
interface Column {
  readonly title: string;
  readonly flush: 'left' | 'right';
  readonly value: (p: Partition) => string;
}

function columns(table: PartitionTable, nameOf: (number: number) => string): Column[] {
  const unit = table.sectorSize;
  const common: Column[] = [
    { title: 'Start', flush: 'right', value: (p) => String(p.start / unit) },
    { title: 'End', flush: 'right', value: (p) => String((p.start + p.size) / unit - 1) },
    { title: 'Sectors', flush: 'right', value: (p) => String(p.size / unit) },
    { title: 'Size', flush: 'right', value: (p) => humanSize(p.size, SHORT_UNITS, '') },
  ];
  const device: Column = { title: 'Device', flush: 'left', value: (p) => nameOf(p.number) };
  const type: Column = { title: 'Type', flush: 'left', value: (p) => partitionTypeName(p.type) };
  if (table.type !== 'msdos') return [device, ...common, type];
  const boot: Column = { title: 'Boot', flush: 'left', value: (p) => (p.bootable ? '*' : '') };
  const id: Column = { title: 'Id', flush: 'right', value: (p) => p.type.replace(/^0/, '') };
  return [device, boot, ...common, id, type];
}

/** Rows with every column as wide as its widest cell. */
function align(cols: readonly Column[], partitions: readonly Partition[]): string[] {
  const rows = [cols.map((c) => c.title), ...partitions.map((p) => cols.map((c) => c.value(p)))];
  const widths = cols.map((_, i) => Math.max(...rows.map((r) => r[i]!.length)));
  const pad = (cell: string, i: number): string =>
    cols[i]!.flush === 'left' ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!);
  return rows.map((row) => row.map(pad).join(' ').trimEnd());
}

/**
 * A table in the form of `sfdisk -l`.
 * @param disk name of the disk, `/dev/sda`
 * @param nameOf name of a partition by its number
 */
export function formatPartitionTable(
  disk: string,
  device: BlockDevice,
  table: PartitionTable | undefined,
  nameOf: (number: number) => string,
): string {
  const sector = table?.sectorSize ?? device.sectorSize;
  const size = humanSize(device.size, LONG_UNITS, ' ');
  const lines = [
    `Disk ${disk}: ${size}, ${device.size} bytes, ${Math.floor(device.size / sector)} sectors`,
    `Units: sectors of 1 * ${sector} = ${sector} bytes`,
    `Sector size (logical/physical): ${sector} bytes / ${sector} bytes`,
    `I/O size (minimum/optimal): ${sector} bytes / ${sector} bytes`,
  ];
  if (table === undefined) return `${lines.join('\n')}\n`;
  lines.push(`Disklabel type: ${table.type === 'msdos' ? 'dos' : table.type}`);
  if (table.id !== undefined) {
    lines.push(`Disk identifier: ${table.type === 'msdos' ? `0x${table.id}` : table.id.toUpperCase()}`);
  }
  if (table.partitions.length > 0) lines.push('', ...align(columns(table, nameOf), table.partitions));
  return `${lines.join('\n')}\n`;
}

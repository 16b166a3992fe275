import {
  BSD_ALPHA_OFFSET,
  BSD_FS_UNUSED,
  BSD_LABEL_SECTOR,
  BSD_MAGIC,
  BSD_PARTITIONS,
  BSD_RAW_PARTITION,
  BsdDisklabel,
} from './layout-bsd.js';
import { MBR_TYPE } from './layout-mbr.js';
import { hex } from './mbr.js';
import type { TableSource } from './table-source.js';
import type { Partition } from './types.js';

/** Where a label was looked for: a slice of an MBR disk, or the whole disk. In bytes. */
interface Slice {
  readonly start: number;
  readonly size: number;
  /** MBR type of the slice; undefined for a whole disk. */
  readonly osType?: number;
}

/** Whether MBR partitions of this type begin with a BSD label. */
export function holdsBsdLabel(osType: number): boolean {
  return osType === MBR_TYPE.freebsd || osType === MBR_TYPE.openbsd || osType === MBR_TYPE.netbsd;
}

/** XOR of all 16-bit words up to the last partition is zero (`dkcksum`). */
function checksumHolds(data: Uint8Array, partitions: number): boolean {
  const end = 148 + partitions * 16;
  let sum = 0;
  for (let i = 0; i < end; i += 2) sum ^= data[i]! | (data[i + 1]! << 8);
  return sum === 0;
}

/** The label: in the second sector, or on a whole disk also in the first, as on Alpha. */
async function findLabel(source: TableSource, slice: Slice, sectorSize: number) {
  const places = [BSD_LABEL_SECTOR * sectorSize];
  if (slice.osType === undefined) places.push(BSD_ALPHA_OFFSET);
  for (const place of places) {
    const at = slice.start + place;
    const data = await source.readAt(at, BsdDisklabel.size);
    if (data === undefined) continue;
    const label = BsdDisklabel.decode(data, 0, at);
    if (label.magic === BSD_MAGIC && label.magic2 === BSD_MAGIC) return { at, data, label };
  }
  return undefined;
}

/**
 * Partitions of a BSD label in a slice, numbered from `firstNumber`. The raw partition (the slice itself) and those that
 * leave the slice are left out, as Linux does.
 * @returns undefined when there is no label
 */
export async function readBsdLabel(
  source: TableSource,
  slice: Slice,
  sectorSize: number,
  firstNumber: number,
): Promise<Partition[] | undefined> {
  const hit = await findLabel(source, slice, sectorSize);
  if (hit === undefined) return undefined;
  const { at, data, label } = hit;
  const room = slice.osType === MBR_TYPE.freebsd ? BSD_PARTITIONS.freebsd : BSD_PARTITIONS.others;
  const count = Math.min(label.npartitions, room);
  if (!checksumHolds(data, Math.min(label.npartitions, BSD_PARTITIONS.others))) {
    source.defect(`the BSD label at byte ${at} has a wrong checksum`);
  }
  // FreeBSD counts from the slice when its raw partition starts at 0; others count from the disk.
  const raw = label.partitions[BSD_RAW_PARTITION]!;
  const relative = slice.osType === MBR_TYPE.freebsd && raw.offset === 0 ? slice.start : 0;
  const found: Partition[] = [];
  for (const [i, p] of label.partitions.slice(0, count).entries()) {
    const start = relative + p.offset * sectorSize;
    const size = p.size * sectorSize;
    if (p.fstype === BSD_FS_UNUSED || size === 0 || (start === slice.start && size === slice.size)) continue;
    if (start < slice.start || start + size > slice.start + slice.size) {
      source.defect(`BSD partition ${String.fromCharCode(97 + i)} leaves its slice and is not shown`);
      continue;
    }
    const number = slice.osType === undefined ? i + 1 : firstNumber + found.length;
    const kind = slice.osType === undefined ? 'primary' : 'nested';
    found.push({ number, kind, start, size, type: hex(p.fstype, 2), bootable: false });
  }
  return found;
}

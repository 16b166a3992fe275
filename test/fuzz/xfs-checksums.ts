import { crc32c } from '@vmcraft/core/binary';
import type { PatchedBytes } from './mutate.js';

const BLOCK = 4096;
const INODE = 512;
const SECTOR = 512;
const RECORD = 0xfeedbabe;
/** Where structures of version 5 have their checksum, by their magic of 32 bits, and by that of hash indexes. */
const PLACES: ReadonlyMap<number, number> = new Map([
  ...[0x58444233, 0x58444433, 0x58444633].map((magic) => [magic, 4] as const),
  ...[0x5841524d, 0x58534c4d].map((magic) => [magic, 12] as const),
  [0x424d4133, 64],
]);
const INDEX_MAGICS: readonly number[] = [0x3df1, 0x3dff, 0x3bee, 0x3ebe];

/** A record of the log: byte offset, and bytes with its header. */
interface Record {
  readonly start: number;
  readonly length: number;
}

/** Records of a log with headers of one sector each. */
export function logRecords(base: Uint8Array): Record[] {
  const view = new DataView(base.buffer, base.byteOffset, base.length);
  const records: Record[] = [];
  for (let at = 0; at + SECTOR <= base.length; at += SECTOR) {
    if (view.getUint32(at) !== RECORD) continue;
    const length = view.getUint32(at + 12);
    if (length > 0 && view.getUint32(at + 320) <= 32_768) records.push({ start: at, length: SECTOR + length });
  }
  return records;
}

/** Make checksums fit what damage left, so that what lies behind them is reached: of an XFS with blocks of 4 KiB and inodes of 512 bytes. */
export function repairChecksums(data: PatchedBytes, records: readonly Record[]): void {
  for (const sector of data.touched()) {
    const record = records.find(({ start, length }) => sector >= start && sector < start + length);
    if (record !== undefined) repairRecord(data, record);
    else if (sector === 0) seal(data, 0, SECTOR, 224);
    else if (!repairBlock(data, sector - (sector % BLOCK))) seal(data, sector, INODE, 100, 0x494e);
  }
}

function repairBlock(data: PatchedBytes, at: number): boolean {
  const head = data.read(at, 16);
  const view = new DataView(head.buffer);
  const place = PLACES.get(view.getUint32(0)) ?? (INDEX_MAGICS.includes(view.getUint16(8)) ? 12 : undefined);
  if (place !== undefined) seal(data, at, BLOCK, place);
  return place !== undefined;
}

/** @param magic the first 16 bits that must be there */
function seal(data: PatchedBytes, at: number, length: number, place: number, magic?: number): void {
  const block = data.read(at, length);
  const view = new DataView(block.buffer);
  if (magic !== undefined && view.getUint16(0) !== magic) return;
  view.setUint32(place, 0);
  view.setUint32(place, crc32c(block), true);
  data.write(at, block);
}

function repairRecord(data: PatchedBytes, { start, length }: Record): void {
  const record = data.read(start, length);
  const view = new DataView(record.buffer);
  view.setUint32(32, 0);
  const sum = crc32c(record.subarray(SECTOR), crc32c(record.subarray(0, 328)));
  view.setUint32(32, sum, true);
  data.write(start, record.subarray(0, SECTOR));
}

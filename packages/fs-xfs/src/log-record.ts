import { crc32c, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { LogArea } from './log-area.js';
import {
  BASIC_BLOCK,
  CHECKED_EXTENSION,
  CHECKED_HEADER,
  CYCLE_DATA,
  CYCLE_SIZE,
  LOG_MAGIC,
  LOG_VERSION_2,
  LogRecord,
} from './log-layout.js';

/** Longest record, `XLOG_MAX_RECORD_BSIZE`, with room for stripe units. */
const MAX_RECORD = 512 * 1024;
/** Offset of the checksum in the header. */
const CHECKSUM_AT = 32;
const NO_CHECKSUM = new Uint8Array(4);

/** A record: where it lies in the ring, counted in basic blocks, and what its header says. */
export interface RecordHeader extends ReturnType<typeof LogRecord.decode> {
  readonly block: number;
  readonly headerBlocks: number;
  readonly dataBlocks: number;
}

/** The header at a block; undefined when there is none that can be. */
export async function readHeader(area: LogArea, block: number): Promise<RecordHeader | undefined> {
  const header = LogRecord.decode(await area.read(block, 1));
  if (header.magic !== LOG_MAGIC || header.version === 0 || header.version > 3) return undefined;
  if (header.length === 0 || header.length > MAX_RECORD || header.size > MAX_RECORD) return undefined;
  const isLong = (header.version & LOG_VERSION_2) !== 0;
  const headerBlocks = isLong ? Math.max(1, Math.ceil(header.size / CYCLE_SIZE)) : 1;
  const dataBlocks = Math.ceil(header.length / BASIC_BLOCK);
  // The record that mkfs.xfs writes may be padded to a stripe unit that its header does not describe.
  if (dataBlocks > headerBlocks * CYCLE_DATA.count && header.operations !== 1) return undefined;
  if (headerBlocks + dataBlocks > area.total) return undefined;
  return { ...header, block, headerBlocks, dataBlocks };
}

/**
 * What a record holds, its checksum verified.
 * @param isChecked a record without checksum is an error: the file system is of version 5
 * @throws CorruptImageError
 */
export async function readRecord(area: LogArea, header: RecordHeader, isChecked: boolean): Promise<Uint8Array> {
  const { block, headerBlocks, dataBlocks, length } = header;
  const raw = (await area.read(block, headerBlocks + dataBlocks)).slice();
  const data = raw.subarray(headerBlocks * BASIC_BLOCK);
  const headers = raw.subarray(0, headerBlocks * BASIC_BLOCK);
  if (
    isChecked &&
    !CHECKED_HEADER.some((size) => checksum(headers, data.subarray(0, length), size) === header.checksum)
  ) {
    throw new CorruptImageError({
      structure: LogRecord.name,
      field: 'checksum',
      offset: area.start + block * BASIC_BLOCK,
      found: header.checksum,
      expected: checksum(headers, data.subarray(0, length), CHECKED_HEADER[0]),
    });
  }
  unpack(headers, data, dataBlocks);
  return data.subarray(0, length);
}

function checksum(headers: Uint8Array, data: Uint8Array, size: number): number {
  let sum = crc32c(headers.subarray(0, CHECKSUM_AT));
  sum = crc32c(headers.subarray(CHECKSUM_AT + 4, size), crc32c(NO_CHECKSUM, sum));
  const extensions = Math.min(Math.ceil(data.length / CYCLE_SIZE), headers.length / BASIC_BLOCK);
  for (let i = 1; i < extensions; i++) {
    sum = crc32c(headers.subarray(i * BASIC_BLOCK, i * BASIC_BLOCK + CHECKED_EXTENSION), sum);
  }
  return crc32c(data, sum);
}

/** The first word of every block was moved to the headers, to make room for the cycle number. */
function unpack(headers: Uint8Array, data: Uint8Array, blocks: number): void {
  const described = (headers.length / BASIC_BLOCK) * CYCLE_DATA.count;
  for (let i = 0; i < Math.min(blocks, described); i++) {
    const header = Math.floor(i / CYCLE_DATA.count);
    const start = header === 0 ? CYCLE_DATA.header : CYCLE_DATA.extension;
    const at = header * BASIC_BLOCK + start + (i % CYCLE_DATA.count) * 4;
    data.set(headers.subarray(at, at + 4), i * BASIC_BLOCK);
  }
}

/** Blocks before a record that are searched for the one before it. */
const SEARCH = 2 * (MAX_RECORD / BASIC_BLOCK);

/** The last record that begins before `block`, not before `limit` blocks earlier; undefined when there is none. */
export async function recordBefore(area: LogArea, block: number, limit = SEARCH): Promise<RecordHeader | undefined> {
  const most = Math.min(limit, area.total);
  const first = (block - most + area.total) % area.total;
  const view = viewOf(await area.read(first, most));
  for (let i = most - 1; i >= 0; i--) {
    if (view.getUint32(i * BASIC_BLOCK) !== LOG_MAGIC) continue;
    const header = await readHeader(area, (first + i) % area.total);
    if (header !== undefined) return header;
  }
  return undefined;
}

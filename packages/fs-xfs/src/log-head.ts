import { CorruptImageError } from '@vmcraft/core/errors';
import type { LogArea } from './log-area.js';
import { LOG_VERSION_2, LogFlag, LogOperation, type LogRecord } from './log-layout.js';
import { type RecordHeader, readHeader, readRecord, recordBefore } from './log-record.js';

/** Records that may be on their way to the disk at once, `XLOG_MAX_ICLOGS`, and basic blocks that they take at most. */
const MAX_IN_FLIGHT = 8;
const IN_FLIGHT_BLOCKS = 4096;

/** What is to be replayed: records from the tail on to the head, which is the block after the last. */
export interface LogRange {
  readonly tail: number;
  readonly head: number;
}

/**
 * The part of the log that was not written back; undefined when there is none, as after unmounting.
 * @throws CorruptImageError
 */
export async function findRange(area: LogArea, isChecked: boolean): Promise<LogRange | undefined> {
  const end = await findHead(area);
  if (end === undefined) return undefined;
  const { head, last } = await verifyHead(area, end, isChecked);
  if (await isUnmount(area, last, head)) return undefined;
  const tail = tailOf(area, last);
  return { tail: await verifyTail(area, tail, head, isChecked), head };
}

/**
 * Section 14.1: cycle numbers drop by one at the head, or to zero in a log that was never full. Blocks in flight are written in any order,
 * so the first stale block near that place counts.
 */
async function findHead(area: LogArea): Promise<number | undefined> {
  const { total } = area;
  const first = await area.cycle(0);
  const last = await area.cycle(total - 1);
  if (first === 0) return undefined;
  const isFull = first === last;
  const edge = isFull ? total : await firstOfCycle(area, last);
  const stale = isFull ? last - 1 : last;
  const near = Math.min(IN_FLIGHT_BLOCKS, total);
  let head = edge;
  if (edge >= near || last === 0) {
    const from = Math.max(0, edge - near);
    head = (await findCycle(area, from, edge - from, stale)) ?? edge;
  } else {
    const from = total - (near - edge);
    head = (await findCycle(area, from, near - edge, stale - 1)) ?? (await findCycle(area, 0, edge, stale)) ?? edge;
  }
  const record = await recordBefore(area, head % total);
  if (record === undefined) return head % total;
  const length = record.headerBlocks + record.dataBlocks;
  // A record of which only a part was written does not count.
  return area.distance(record.block, head % total) === length % total ? head % total : record.block;
}

/** The first block of the cycle in which the ring's last block was written. */
async function firstOfCycle(area: LogArea, cycle: number): Promise<number> {
  let low = 0;
  let high = area.total - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((await area.cycle(middle)) === cycle) high = middle;
    else low = middle + 1;
  }
  return high;
}

async function findCycle(area: LogArea, from: number, count: number, cycle: number): Promise<number | undefined> {
  if (count === 0) return undefined;
  const at = (await area.cycles(from, count)).indexOf(cycle);
  return at === -1 ? undefined : from + at;
}

/** The last records may be torn: the head is then before the first of them that is. */
async function verifyHead(
  area: LogArea,
  end: number,
  isChecked: boolean,
): Promise<{ head: number; last: RecordHeader }> {
  const records: RecordHeader[] = [];
  for (let block = end; records.length < MAX_IN_FLIGHT; ) {
    const record = await recordBefore(area, block);
    if (record === undefined || records.some((r) => r.block === record.block)) break;
    records.unshift(record);
    if (record.block === tailOf(area, record)) break;
    block = record.block;
  }
  let head = end;
  let last = records.at(-1);
  for (const [i, record] of records.entries()) {
    if (await isGood(area, record, isChecked)) continue;
    head = record.block;
    last = records[i - 1] ?? (await recordBefore(area, head));
    break;
  }
  if (last === undefined) throw broken('it has no record');
  return { head, last };
}

/** Records at the tail may have been overwritten by records that did not reach the disk as a whole. */
async function verifyTail(area: LogArea, tail: number, head: number, isChecked: boolean): Promise<number> {
  let at = tail;
  let from = tail;
  while (at !== head) {
    const record = await readHeader(area, at);
    if (record !== undefined && (await isGood(area, record, isChecked))) {
      const length = record.headerBlocks + record.dataBlocks;
      if (length > area.distance(at, head)) throw broken('a record crosses its head');
      at = (at + length) % area.total;
      continue;
    }
    if (area.distance(head, at) > IN_FLIGHT_BLOCKS) throw broken(`the record at block ${at} of it is damaged`);
    at = await recordAfter(area, at, head);
    from = at;
  }
  return from;
}

async function recordAfter(area: LogArea, block: number, head: number): Promise<number> {
  const most = Math.min(area.distance(block, head), IN_FLIGHT_BLOCKS);
  for (let i = 1; i < most; i++) {
    const at = (block + i) % area.total;
    if ((await readHeader(area, at)) !== undefined) return at;
  }
  return head;
}

/** The record that mkfs.xfs writes has no checksum. */
async function isGood(area: LogArea, record: RecordHeader, isChecked: boolean): Promise<boolean> {
  try {
    await readRecord(area, record, isChecked && record.checksum !== 0);
    return true;
  } catch (error) {
    if (error instanceof CorruptImageError) return false;
    throw error;
  }
}

/** Places in the log are a cycle, then a block. */
function tailOf(area: LogArea, record: ReturnType<typeof LogRecord.decode>): number {
  const block = Number(record.tailLsn & 0xffff_ffffn);
  if (block >= area.total) throw broken(`its tail, block ${block}, is outside`);
  return block;
}

/** Unmounting leaves a record of a single operation. */
async function isUnmount(area: LogArea, record: RecordHeader, head: number): Promise<boolean> {
  if (record.operations !== 1) return false;
  const headers = (record.version & LOG_VERSION_2) === 0 ? 1 : record.headerBlocks;
  if (area.distance(record.block, head) !== (headers + record.dataBlocks) % area.total) return false;
  const data = await area.read(record.block + headers, 1);
  return (LogOperation.decode(data).flags & LogFlag.unmount) !== 0;
}

function broken(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'XFS log', reason });
}

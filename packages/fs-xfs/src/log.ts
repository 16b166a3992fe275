import { viewOf } from '@vmcraft/core/binary';
import { BASIC_BLOCK, LOG_MAGIC, LOG_UNMOUNT, LogOperation, LogRecord } from './layout.js';
import { blockOffset, type Volume } from './volume.js';

/** Basic blocks read at once, and bytes that one record header describes (chapter 14.1). */
const READ_BLOCKS = 2048;
const CYCLE_SIZE = 32_768;
/** Basic blocks before the head that are searched for the last record: a record is at most 256 KiB, with its headers. */
const MAX_RECORD_BLOCKS = 1024;

/** What the log says. */
export type LogState = 'clean' | 'dirty' | 'external';

/**
 * Whether everything in the log was written back: its last record is then the one that unmounting leaves. Every basic block of the log
 * begins with the number of the cycle in which it was written, so the head is where the numbers drop.
 */
export async function logState(volume: Volume): Promise<LogState> {
  const { logStart, logBlocks } = volume.superblock;
  if (logStart === 0n) return 'external';
  const start = blockOffset(volume, logStart, 'log');
  const total = Math.floor(Math.min(logBlocks * volume.blockSize, volume.device.size - start) / BASIC_BLOCK);
  const read = (block: number, count: number): Promise<Uint8Array> =>
    volume.device.read(start + block * BASIC_BLOCK, count * BASIC_BLOCK, { bulk: true });
  const head = await findHead(read, total);
  if (head === undefined) return 'clean';
  for (let back = 1; back <= Math.min(MAX_RECORD_BLOCKS, total); back++) {
    const block = (head - back + total) % total;
    const data = await read(block, 1);
    if (viewOf(data).getUint32(0) !== LOG_MAGIC) continue;
    return (await isUnmount(read, LogRecord.decode(data), block, total)) ? 'clean' : 'dirty';
  }
  return 'dirty';
}

/** The block after the last one that was written; undefined for a log in which nothing was ever written. */
async function findHead(
  read: (block: number, count: number) => Promise<Uint8Array>,
  total: number,
): Promise<number | undefined> {
  let first: number | undefined;
  let last = 0;
  for (let block = 0; block < total; block += READ_BLOCKS) {
    const count = Math.min(READ_BLOCKS, total - block);
    const view = viewOf(await read(block, count));
    for (let i = 0; i < count; i++) {
      const word = view.getUint32(i * BASIC_BLOCK);
      const cycle = word === LOG_MAGIC ? view.getUint32(i * BASIC_BLOCK + 4) : word;
      first ??= cycle;
      if (cycle < last) return block + i;
      last = cycle;
    }
  }
  return first === 0 && last === 0 ? undefined : 0;
}

async function isUnmount(
  read: (block: number, count: number) => Promise<Uint8Array>,
  record: ReturnType<typeof LogRecord.decode>,
  block: number,
  total: number,
): Promise<boolean> {
  if (record.operations !== 1) return false;
  const headers = (record.version & 2) === 0 ? 1 : Math.max(1, Math.ceil(record.size / CYCLE_SIZE));
  const data = await read((block + headers) % total, 1);
  return (LogOperation.decode(data).flags & LOG_UNMOUNT) !== 0;
}

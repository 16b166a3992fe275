import { equalBytes } from '@vmcraft/core/binary';
import { LimitExceededError } from '@vmcraft/core/errors';
import { BIN_UNIT } from './layout.js';
import { HASH_SEED, HASHED_HEADER, LOG_SECTOR, LogEntry, PageReference } from './layout-log.js';
import type { LogFile, LoggedChange, LoggedPage } from './log-file.js';
import { marvin32 } from './marvin32.js';

/** Windows splits its logs long before; an entry has to be held in memory. */
const MAX_ENTRY = 256 * 1024 * 1024;

/** Whether both hashes of an entry are right. Section "New format", notes 1 and 2. */
function isSound(data: Uint8Array): boolean {
  const { hash1, hash2 } = LogEntry.decode(data);
  const body = marvin32(data.subarray(LogEntry.size), HASH_SEED);
  return equalBytes(body, hash1) && equalBytes(marvin32(data.subarray(0, HASHED_HEADER), HASH_SEED), hash2);
}

/** Pages of an entry; undefined when they are not all in it. */
function pagesOf(data: Uint8Array, count: number, binsSize: number): LoggedPage[] | undefined {
  const pages: LoggedPage[] = [];
  let at = LogEntry.size + count * PageReference.size;
  if (at > data.length) return undefined;
  for (let i = 0; i < count; i++) {
    const { offset, size } = PageReference.decode(data, LogEntry.size + i * PageReference.size);
    if (at + size > data.length || offset + size > binsSize) return undefined;
    pages.push({ offset, data: data.subarray(at, at + size) });
    at += size;
  }
  return pages;
}

/** The entry at `at`, undefined when there is none that can be used. */
async function readEntry({ source }: LogFile, at: number): Promise<{ change: LoggedChange; size: number } | undefined> {
  if (at + LogEntry.size > source.size) return undefined;
  const entry = LogEntry.decode(await source.read(at, LogEntry.size));
  const { size, binsSize, sequence, flags, pageCount } = entry;
  if (entry.signature !== 'HvLE' || size < LogEntry.size || size % LOG_SECTOR !== 0) return undefined;
  if (at + size > source.size || binsSize === 0 || binsSize % BIN_UNIT !== 0) return undefined;
  if (size > MAX_ENTRY) throw new LimitExceededError({ limit: 'size of a log entry', value: size, max: MAX_ENTRY });
  const data = (await source.read(at, size)).slice();
  const pages = isSound(data) ? pagesOf(data, pageCount, binsSize) : undefined;
  return pages === undefined ? undefined : { change: { sequence, binsSize, flags, pages }, size };
}

/**
 * Changes of a log of the new format, up to the first entry that cannot be used or whose number does not follow.
 * Section "New format".
 */
export async function readNewLog(log: LogFile): Promise<LoggedChange[]> {
  const changes: LoggedChange[] = [];
  for (let at = log.sectorSize; ; ) {
    const entry = await readEntry(log, at);
    const last = changes.at(-1);
    if (entry === undefined) return changes;
    if (last !== undefined && entry.change.sequence !== (last.sequence + 1) >>> 0) return changes;
    changes.push(entry.change);
    at += entry.size;
  }
}

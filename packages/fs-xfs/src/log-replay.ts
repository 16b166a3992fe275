import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import type { LogArea } from './log-area.js';
import { bufferChange, replayBuffer } from './log-buffer.js';
import type { LogRange } from './log-head.js';
import { inodeItem, replayCreate, replayInode, replayQuota } from './log-inode.js';
import { Intents, type Pending } from './log-intents.js';
import { BASIC_BLOCK, BufferFlag, BufferItem, FORMAT_LINUX_LE, ItemType } from './log-layout.js';
import { readHeader, readRecord } from './log-record.js';
import { inOrder, type LogItem, type Transaction, TransactionReader } from './log-transaction.js';
import type { ReplayOverlay } from './replay-overlay.js';
import type { Volume } from './volume.js';

const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** Transactions that were committed between the tail and the head, in the order of their commits. */
async function* transactions(volume: Volume, area: LogArea, range: LogRange): AsyncGenerator<Transaction> {
  const reader = new TransactionReader();
  for (let block = range.tail; block !== range.head; ) {
    const header = await readHeader(area, block);
    const length = header === undefined ? 0 : header.headerBlocks + header.dataBlocks;
    if (header === undefined || length > area.distance(block, range.head)) {
      throw new CorruptImageError({ structure: 'XFS log', reason: `there is no whole record at block ${block} of it` });
    }
    if (header.format !== FORMAT_LINUX_LE) {
      const feature = `items in the byte order of another machine (format ${header.format})`;
      throw new UnsupportedFeatureError({ structure: 'XFS log', feature, workaround: WORKAROUND });
    }
    if (header.uuid !== volume.superblock.uuid && header.uuid !== NIL_UUID) {
      throw new CorruptImageError({
        structure: 'xlog_rec_header',
        field: 'uuid',
        found: header.uuid,
        expected: volume.superblock.uuid,
      });
    }
    yield* reader.feed(await readRecord(area, header, volume.isChecked), header.operations, header.lsn);
    block = (block + length) % area.total;
  }
}

/** How to see an older state. */
export const WORKAROUND = 'shut the guest down cleanly, or mount with the option norecovery to see an older state';

/** Blocks that were freed while something about them was still in the log: what it says of them must not be replayed. */
class Cancelled {
  /** How often, by offset and length in bytes. */
  readonly #counts = new Map<number, Map<number, number>>();

  add(offset: number, length: number): void {
    const lengths = this.#counts.get(offset) ?? new Map<number, number>();
    lengths.set(length, (lengths.get(length) ?? 0) + 1);
    this.#counts.set(offset, lengths);
  }

  has(offset: number, length: number): boolean {
    return this.#counts.get(offset)?.has(length) === true;
  }

  /** Whether anything that begins in a span of file-system blocks was freed. */
  hasWithin(offset: number, length: number, blockSize: number): boolean {
    for (let at = offset; at < offset + length; at += blockSize) if (this.#counts.has(at)) return true;
    return false;
  }

  /** What comes after this one counts again. */
  take(offset: number, length: number): void {
    const lengths = this.#counts.get(offset);
    const count = lengths?.get(length) ?? 0;
    if (count > 1) lengths?.set(length, count - 1);
    else lengths?.delete(length);
    if (lengths?.size === 0) this.#counts.delete(offset);
  }
}

/**
 * Replay the log into an overlay, as mounting does: twice over, first for what was freed.
 * @returns what the log promised and did not finish
 * @throws CorruptImageError, UnsupportedFeatureError, LimitExceededError
 */
export async function replayLog(
  volume: Volume,
  overlay: ReplayOverlay,
  area: LogArea,
  range: LogRange,
): Promise<Pending> {
  const cancelled = new Cancelled();
  for await (const { items } of transactions(volume, area, range)) {
    for (const item of items) {
      if (item.type !== ItemType.buffer || kindOf(item) !== 'cancel') continue;
      const { offset, length } = bufferChange(item, overlay.size);
      cancelled.add(offset, length);
    }
  }
  const intents = new Intents();
  for await (const { items, lsn } of transactions(volume, area, range)) {
    for (const item of inOrder(items, kindOf)) {
      if (!intents.take(item)) await replayItem(volume, overlay, item, lsn, cancelled);
    }
  }
  return intents.pending();
}

function kindOf(item: LogItem): 'buffer' | 'inodes' | 'cancel' {
  const { flags } = BufferItem.decode(item.regions[0]!);
  if ((flags & BufferFlag.cancel) !== 0) return 'cancel';
  return (flags & BufferFlag.inodes) !== 0 ? 'inodes' : 'buffer';
}

async function replayItem(
  volume: Volume,
  overlay: ReplayOverlay,
  item: LogItem,
  lsn: bigint,
  cancelled: Cancelled,
): Promise<void> {
  switch (item.type) {
    case ItemType.buffer: {
      const change = bufferChange(item, overlay.size);
      if ((change.flags & BufferFlag.cancel) !== 0) cancelled.take(change.offset, change.length);
      else if (!cancelled.has(change.offset, change.length)) await replayBuffer(volume, overlay, change, lsn);
      return;
    }
    case ItemType.inode: {
      const { block, length } = inodeItem(item);
      const isCancelled = cancelled.has(Number(block) * BASIC_BLOCK, length * BASIC_BLOCK);
      if (!isCancelled) await replayInode(volume, overlay, item, lsn);
      return;
    }
    case ItemType.createInodes:
      return replayCreate(volume, overlay, item, (at, length) => cancelled.hasWithin(at, length, volume.blockSize));
    case ItemType.quota:
      return replayQuota(volume, overlay, item, lsn);
    case ItemType.quotaOff:
    case ItemType.unlinked:
      return;
    default:
      throw new UnsupportedFeatureError({
        structure: 'XFS log',
        feature: `items of type 0x${item.type.toString(16)}`,
        workaround: WORKAROUND,
      });
  }
}

import { concatBytes, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';
import { ItemType, LOG_CLIENTS, LogFlag, LogOperation, TRANSACTION_HEADER } from './log-layout.js';

/** Bytes of a region: a buffer, or the value of an attribute, is at most 64 KiB. */
const MAX_REGION = 256 * 1024;
/** Regions of an item, and bytes of all transactions that were not yet committed. */
const MAX_REGIONS = 1024;
const MAX_PENDING = 2 ** 29;

/** What a transaction changes in one place: a description, then bytes. */
export interface LogItem {
  readonly type: number;
  readonly regions: Uint8Array[];
  /** Regions that it says to have. */
  readonly total: number;
}

/** A transaction that was committed as a whole. */
export interface Transaction {
  /** Place in the log where it begins. */
  readonly lsn: bigint;
  readonly items: readonly LogItem[];
}

interface Pending {
  readonly lsn: bigint;
  readonly items: LogItem[];
  header: Uint8Array;
  bytes: number;
}

/** Puts transactions together from operations, which records cut anywhere. Those without a commit never happened. */
export class TransactionReader {
  readonly #pending = new Map<number, Pending>();
  #bytes = 0;

  /** Transactions that a record completes. @throws CorruptImageError, LimitExceededError */
  *feed(data: Uint8Array, operations: number, lsn: bigint): Generator<Transaction> {
    for (let i = 0, at = 0; i < operations && at < data.length; i++) {
      if (at + LogOperation.size > data.length) throw malformed('an operation ends outside its record');
      const operation = LogOperation.decode(data, at);
      at += LogOperation.size;
      if (!LOG_CLIENTS.includes(operation.client)) throw malformed(`an operation of client ${operation.client}`);
      if (operation.length > data.length - at) throw malformed('an operation ends outside its record');
      const region = data.subarray(at, at + operation.length);
      at += operation.length;
      const done = this.#operation(operation.tid, operation.flags, region, lsn);
      if (done !== undefined) yield done;
    }
  }

  #operation(tid: number, raw: number, region: Uint8Array, lsn: bigint): Transaction | undefined {
    const pending = this.#pending.get(tid);
    if (pending === undefined) {
      if ((raw & LogFlag.start) !== 0) this.#pending.set(tid, { lsn, items: [], header: new Uint8Array(), bytes: 0 });
      return undefined;
    }
    const wasContinued = (raw & LogFlag.wasContinued) !== 0;
    const flags = raw & ~LogFlag.end & (wasContinued ? ~LogFlag.continued : -1);
    if (flags === LogFlag.commit || flags === LogFlag.unmount) {
      this.#pending.delete(tid);
      this.#bytes -= pending.bytes;
      return flags === LogFlag.commit ? finished(pending) : undefined;
    }
    if (flags !== 0 && flags !== LogFlag.continued && flags !== LogFlag.wasContinued) {
      throw malformed(`an operation with flags 0x${raw.toString(16)}`);
    }
    if (region.length === 0) return undefined;
    this.#count(pending, region.length);
    if (flags === LogFlag.wasContinued) continueRegion(pending, region);
    else addRegion(pending, region);
    return undefined;
  }

  #count(pending: Pending, bytes: number): void {
    pending.bytes += bytes;
    this.#bytes += bytes;
    if (this.#bytes > MAX_PENDING) {
      throw new LimitExceededError({ limit: 'bytes of open XFS transactions', value: this.#bytes, max: MAX_PENDING });
    }
  }
}

function finished({ lsn, items }: Pending): Transaction {
  for (const { regions, total } of items) {
    if (regions.length !== total) throw malformed('a transaction was committed with an item that is not whole');
  }
  return { lsn, items };
}

function addRegion(pending: Pending, region: Uint8Array): void {
  if (pending.header.length < TRANSACTION_HEADER.size) {
    addHeader(pending, region);
    return;
  }
  const last = pending.items.at(-1);
  if (last !== undefined && last.regions.length < last.total) {
    last.regions.push(region);
    return;
  }
  if (region.length < 4) throw malformed('an item is too short');
  const view = viewOf(region);
  const type = view.getUint16(0, true);
  const total = view.getUint16(2, true);
  if (total === 0 || total > MAX_REGIONS) throw malformed(`an item of ${total} regions`);
  pending.items.push({ type, total, regions: [region] });
}

function continueRegion(pending: Pending, region: Uint8Array): void {
  if (pending.header.length < TRANSACTION_HEADER.size) {
    addHeader(pending, region);
    return;
  }
  const regions = pending.items.at(-1)?.regions;
  const last = regions?.at(-1);
  if (regions === undefined || last === undefined) throw malformed('a region continues none');
  if (last.length + region.length > MAX_REGION) throw malformed('a region is too long');
  regions[regions.length - 1] = concatBytes([last, region]);
}

/** The header itself may be cut. */
function addHeader(pending: Pending, region: Uint8Array): void {
  pending.header = concatBytes([pending.header, region]);
  if (pending.header.length > TRANSACTION_HEADER.size) throw malformed('the header of a transaction is too long');
  const isWhole = pending.header.length === TRANSACTION_HEADER.size;
  if (isWhole && viewOf(pending.header).getUint32(0, true) !== TRANSACTION_HEADER.magic) {
    throw malformed('a transaction has no header');
  }
}

/** Order in which a transaction's items are replayed: buffers, the rest, then what must come last. */
export function inOrder(
  items: readonly LogItem[],
  flagsOf: (item: LogItem) => 'buffer' | 'inodes' | 'cancel',
): LogItem[] {
  const lists: Record<'buffer' | 'item' | 'inodes' | 'cancel', LogItem[]> = {
    buffer: [],
    item: [],
    inodes: [],
    cancel: [],
  };
  for (const item of items) {
    if (item.type === ItemType.buffer) lists[flagsOf(item)].push(item);
    else lists[item.type === ItemType.createInodes ? 'buffer' : 'item'].push(item);
  }
  return [...lists.buffer, ...lists.item, ...lists.inodes, ...lists.cancel];
}

function malformed(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'XFS log', reason });
}

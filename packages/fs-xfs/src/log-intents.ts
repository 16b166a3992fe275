import { viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import {
  ATTRIBUTE_INODE,
  EXCHANGE_INODES,
  INTENT_ID,
  ItemType,
  MAP_EXTENTS,
  MapExtent,
  MapFlag,
} from './log-layout.js';
import type { LogItem } from './log-transaction.js';

/** Every intent, and what tells that it is done. */
const DONE: ReadonlyMap<number, number> = new Map([
  [ItemType.freeExtentsDone, ItemType.freeExtents],
  [ItemType.reverseMapDone, ItemType.reverseMap],
  [ItemType.referencesDone, ItemType.references],
  [ItemType.mapDone, ItemType.map],
  [ItemType.attributeDone, ItemType.attribute],
  [ItemType.exchangeDone, ItemType.exchange],
  [ItemType.realtimeFreeDone, ItemType.realtimeFree],
  [ItemType.realtimeReverseMapDone, ItemType.realtimeReverseMap],
  [ItemType.realtimeReferencesDone, ItemType.realtimeReferences],
]);
const INTENTS: ReadonlySet<number> = new Set(DONE.values());
/** Map extents of one intent; the kernel writes one. */
const MAX_MAPS = 16;

/** A change of a file's extents that was promised. */
export interface PendingMap {
  readonly isMap: boolean;
  readonly isAttributes: boolean;
  readonly isUnwritten: boolean;
  readonly isRealtime: boolean;
  /** File-system blocks: in the file, on the device, and how many. */
  readonly offset: bigint;
  readonly block: bigint;
  readonly length: number;
}

/** What the log promised and did not finish. */
export interface Pending {
  /** How many there are. */
  readonly count: number;
  readonly maps: ReadonlyMap<number, readonly PendingMap[]>;
  /** Inodes whose attributes, or contents, are half changed. */
  readonly attributes: ReadonlySet<number>;
  readonly contents: ReadonlySet<number>;
}

export const NOTHING_PENDING: Pending = { count: 0, maps: new Map(), attributes: new Set(), contents: new Set() };

/** Section 14.3, "deferred operations": an intent is logged first, and with it done something that says so. */
export class Intents {
  readonly #open = new Map<string, LogItem>();

  /** Whether the item was one of these. */
  take(item: LogItem): boolean {
    const intent = DONE.get(item.type) ?? item.type;
    if (!INTENTS.has(intent)) return false;
    const head = item.regions[0]!;
    if (head.length < INTENT_ID + 8) throw malformed('an intent is too short');
    const key = `${intent}:${viewOf(head).getBigUint64(INTENT_ID, true)}`;
    if (intent === item.type) this.#open.set(key, item);
    else this.#open.delete(key);
    return true;
  }

  /** What is left. Freeing of space and counts of references are not seen by reading. */
  pending(): Pending {
    const maps = new Map<number, PendingMap[]>();
    const attributes = new Set<number>();
    const contents = new Set<number>();
    for (const item of this.#open.values()) {
      if (item.type === ItemType.map) addMaps(maps, item.regions[0]!);
      if (item.type === ItemType.attribute) attributes.add(inodeAt(item, ATTRIBUTE_INODE));
      if (item.type === ItemType.exchange) for (const at of EXCHANGE_INODES) contents.add(inodeAt(item, at));
    }
    return { count: this.#open.size, maps, attributes, contents };
  }
}

function addMaps(maps: Map<number, PendingMap[]>, head: Uint8Array): void {
  const count = viewOf(head).getUint32(4, true);
  if (count > MAX_MAPS || MAP_EXTENTS + count * MapExtent.size > head.length)
    throw malformed('a promise of extents is too short');
  for (let i = 0; i < count; i++) {
    const { owner, block, offset, length, flags } = MapExtent.decode(head, MAP_EXTENTS + i * MapExtent.size);
    const type = flags & MapFlag.type;
    if (type !== MapFlag.map && type !== MapFlag.unmap) throw malformed(`a promise of extents of kind ${type}`);
    const list = maps.get(Number(owner)) ?? [];
    list.push({
      isMap: type === MapFlag.map,
      isAttributes: (flags & MapFlag.attributes) !== 0,
      isUnwritten: (flags & MapFlag.unwritten) !== 0,
      isRealtime: (flags & MapFlag.realtime) !== 0,
      offset,
      block,
      length,
    });
    maps.set(Number(owner), list);
  }
}

function inodeAt(item: LogItem, at: number): number {
  const head = item.regions[0]!;
  if (head.length < at + 8) throw malformed('an intent is too short');
  return Number(viewOf(head).getBigUint64(at, true));
}

function malformed(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'XFS log', reason });
}

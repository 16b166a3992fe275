import { CorruptImageError } from '@vmcraft/core/errors';
import { FIRST_CLUSTER } from './layout.js';
import { type MetadataCache, PAGE } from './metadata-cache.js';

/** How wide a table's entries are; exFAT's are full 32-bit words, FAT32's have 28 bits. */
export type TableKind = 'fat12' | 'fat16' | 'fat32' | 'exfat';

interface Width {
  readonly bits: number;
  /** Values from here on end a chain. */
  readonly end: number;
  readonly bad: number;
  /** What we write at the end of a chain. */
  readonly mark: number;
}

/** Microsoft FAT specification 1.03 §4; exFAT specification §4.1. */
const WIDTHS: Readonly<Record<TableKind, Width>> = {
  fat12: { bits: 12, end: 0xff8, bad: 0xff7, mark: 0xfff },
  fat16: { bits: 16, end: 0xfff8, bad: 0xfff7, mark: 0xffff },
  fat32: { bits: 32, end: 0x0ffffff8, bad: 0x0ffffff7, mark: 0x0fffffff },
  exfat: { bits: 32, end: 0xfffffff8, bad: 0xfffffff7, mark: 0xffffffff },
};

const MASK28 = 0x0fffffff;
const RESERVED4 = 0xf0000000;

/** What an entry says of its cluster. */
export const END_OF_CHAIN = -1;
export const FREE = 0;

/** One file allocation table, read and changed through the metadata cache. */
export class AllocationTable {
  readonly kind: TableKind;
  /** Device offset of the active table, bytes. */
  readonly start: number;
  /** Clusters, so valid numbers are 2..count+1. */
  readonly clusterCount: number;
  readonly #cache: MetadataCache;
  readonly #width: Width;

  constructor(cache: MetadataCache, kind: TableKind, start: number, clusterCount: number) {
    this.#cache = cache;
    this.kind = kind;
    this.start = start;
    this.clusterCount = clusterCount;
    this.#width = WIDTHS[kind];
  }

  /** Device offset of the first byte of an entry. */
  offsetOf(cluster: number): number {
    if (this.#width.bits === 12) return this.start + cluster + (cluster >> 1);
    return this.start + cluster * (this.#width.bits >> 3);
  }

  /** The raw entry if its page is cached, else undefined. */
  peek(cluster: number): number | undefined {
    const at = this.offsetOf(cluster);
    const page = this.#cache.peek(at);
    const within = at % PAGE;
    if (page === undefined) return undefined;
    if (this.#width.bits === 12) return this.#peek12(cluster, at, page.view, within);
    if (within + (this.#width.bits >> 3) > page.data.length) return undefined;
    if (this.#width.bits === 16) return page.view.getUint16(within, true);
    const word = page.view.getUint32(within, true);
    return this.kind === 'fat32' ? word & MASK28 : word;
  }

  /** A 12-bit entry may lie across two pages. */
  #peek12(cluster: number, at: number, view: DataView, within: number): number | undefined {
    let high: number | undefined;
    if (within + 1 < view.byteLength) high = view.getUint8(within + 1);
    else if (within + 1 === PAGE) high = this.#cache.peek(at + 1)?.data[0];
    if (high === undefined || within >= view.byteLength) return undefined;
    const pair = view.getUint8(within) | (high << 8);
    return cluster % 2 === 0 ? pair & 0xfff : pair >> 4;
  }

  /** The raw entry. */
  async get(cluster: number): Promise<number> {
    const value = this.peek(cluster);
    if (value !== undefined) return value;
    const at = this.offsetOf(cluster);
    const raw = (await this.#cache.bytes(at, Math.max(2, this.#width.bits >> 3))).slice();
    const view = new DataView(raw.buffer);
    if (this.#width.bits === 32) {
      const word = view.getUint32(0, true);
      return this.kind === 'fat32' ? word & MASK28 : word;
    }
    const pair = view.getUint16(0, true);
    if (this.#width.bits === 16) return pair;
    return cluster % 2 === 0 ? pair & 0xfff : pair >> 4;
  }

  /**
   * What follows `cluster` in its chain, from its raw entry; {@link END_OF_CHAIN} at the end.
   * @throws CorruptImageError for a free, bad, reserved or out-of-range entry
   */
  follow(cluster: number, raw: number): number {
    if (raw >= FIRST_CLUSTER && raw < this.clusterCount + FIRST_CLUSTER) return raw;
    if (raw >= this.#width.end) return END_OF_CHAIN;
    throw new CorruptImageError({
      structure: 'file allocation table',
      field: `entry ${cluster}`,
      offset: this.offsetOf(cluster),
      found: raw,
      reason: `cluster chain goes on with ${describe(raw, this.#width)}`,
      citation: 'Microsoft FAT specification 1.03 §4',
    });
  }

  /** Whether a raw entry marks a bad cluster. */
  isBad(raw: number): boolean {
    return raw === this.#width.bad;
  }

  /** Whether a raw entry ends a chain. */
  isEnd(raw: number): boolean {
    return raw >= this.#width.end;
  }

  /** Set an entry: a cluster number, {@link FREE}, or {@link END_OF_CHAIN}. Reserved bits stay as they are. */
  async set(cluster: number, next: number): Promise<void> {
    const value = next === END_OF_CHAIN ? this.#width.mark : next;
    const at = this.offsetOf(cluster);
    if (this.#width.bits === 12) return this.#set12(cluster, at, value);
    const page = this.#cache.peek(at) ?? (await this.#cache.load(at));
    const within = at % PAGE;
    if (this.#width.bits === 16) page.view.setUint16(within, value, true);
    else {
      const kept = this.kind === 'fat32' ? page.view.getUint32(within, true) & RESERVED4 : 0;
      page.view.setUint32(within, (kept | value) >>> 0, true);
    }
    this.#cache.mark(at, this.#width.bits >> 3, page, 'table');
  }

  async #set12(cluster: number, at: number, value: number): Promise<void> {
    const pair = (await this.#cache.bytes(at, 2)).slice();
    const old = pair[0]! | (pair[1]! << 8);
    const word = cluster % 2 === 0 ? (old & 0xf000) | value : (old & 0x000f) | (value << 4);
    await this.#cache.modify(at, Uint8Array.of(word & 0xff, word >> 8), 'table');
  }

  /** Which of `count` clusters from `first` are in use (bit set), read past the cache. */
  async usage(first: number, count: number): Promise<Uint8Array> {
    const used = new Uint8Array(Math.ceil(count / 8));
    const start = this.offsetOf(first);
    const end = this.offsetOf(first + count - 1) + (this.#width.bits === 12 ? 2 : this.#width.bits >> 3);
    const raw = await this.#cache.scan(start, end - start);
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    for (let i = 0; i < count; i++) {
      if (this.#entryIn(view, start, first + i) !== FREE) used[i >> 3]! |= 1 << (i & 7);
    }
    return used;
  }

  #entryIn(view: DataView, start: number, cluster: number): number {
    const at = this.offsetOf(cluster) - start;
    if (this.#width.bits === 32) {
      const word = view.getUint32(at, true);
      return this.kind === 'fat32' ? word & MASK28 : word;
    }
    const pair = view.getUint16(at, true);
    if (this.#width.bits === 16) return pair;
    return cluster % 2 === 0 ? pair & 0xfff : pair >> 4;
  }
}

function describe(raw: number, width: Width): string {
  if (raw === FREE) return 'a free cluster';
  if (raw === width.bad) return 'a bad cluster';
  return `cluster ${raw}, which does not exist`;
}

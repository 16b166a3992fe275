import type { MetadataCache, MetadataPage } from '../page-cache.js';
import type { L1Table } from './cluster-map.js';
import { checkAligned, hostOffset, type L2Geometry } from './l2-entry.js';
import { ENTRY_BYTES, HIGH_COPIED, HIGH_UNIT } from './layout.js';
import type { MetadataGuard } from './metadata-guard.js';
import { RANK } from './ranks.js';
import type { Refcounts } from './refcounts.js';

/** An L2 entry in its page. */
export interface EntryPlace {
  readonly page: MetadataPage;
  /** Position of the entry in the page, in bytes. */
  readonly at: number;
  /** End of the entries of this table in the page. */
  readonly end: number;
  /** Position in the file, to find the page again after waiting. */
  readonly position: number;
}

/** Finds L2 tables of the active state, and makes the ones to be changed its own. */
export class L2Tables {
  readonly #g: L2Geometry;
  readonly #cache: MetadataCache;
  readonly #refcounts: Refcounts;
  readonly #guard: MetadataGuard;
  readonly #l1: L1Table;

  constructor(g: L2Geometry, cache: MetadataCache, l1: L1Table, refcounts: Refcounts, guard: MetadataGuard) {
    this.#g = g;
    this.#cache = cache;
    this.#l1 = l1;
    this.#refcounts = refcounts;
    this.#guard = guard;
  }

  /** The entry of the cluster that holds guest byte `offset`, in a table that may be changed. */
  async writableEntry(offset: number): Promise<EntryPlace> {
    const l1 = await this.#l1Entry(offset);
    const table = l1.table !== 0 && l1.copied ? l1.table : await this.#ownTable(offset, l1.table);
    this.#guard.check(table, this.#g.clusterSize);
    return this.#entry(table, offset);
  }

  /** As {@link writableEntry}, to look only; undefined when there is no table. */
  async entry(offset: number): Promise<EntryPlace | undefined> {
    const { table } = await this.#l1Entry(offset);
    return table === 0 ? undefined : this.#entry(table, offset);
  }

  /** The page of an entry found before, after other pages were used. */
  async again(place: EntryPlace): Promise<EntryPlace> {
    const page = await this.#cache.page(place.position);
    return { ...place, page };
  }

  async #entry(table: number, offset: number): Promise<EntryPlace> {
    const index = Math.floor((offset % this.#g.coverage) / this.#g.clusterSize);
    const position = table + index * this.#g.entryBytes;
    const page = await this.#cache.page(position);
    const at = this.#cache.within(page, position, this.#g.entryBytes, 'qcow2 L2 table');
    const end = Math.min(page.data.length, table + this.#g.clusterSize - page.offset);
    return { page, at, end, position };
  }

  async #l1Entry(offset: number): Promise<{ table: number; copied: boolean }> {
    const position = this.#l1.offset + Math.floor(offset / this.#g.coverage) * ENTRY_BYTES;
    const page = await this.#cache.page(position);
    const at = this.#cache.within(page, position, ENTRY_BYTES, 'qcow2 L1 table');
    const high = page.view.getUint32(at);
    const table = hostOffset(high, page.view.getUint32(at + 4));
    checkAligned(this.#g, table, 'qcow2.l1Entry');
    return { table, copied: (high & HIGH_COPIED) !== 0 };
  }

  /** A table of our own: empty, or a copy of one shared with a snapshot. */
  async #ownTable(offset: number, shared: number): Promise<number> {
    const { offset: table } = await this.#refcounts.allocate(1);
    for (let at = 0; at < this.#g.clusterSize; at += this.#cache.pageSize) {
      const source = shared === 0 ? undefined : await this.#cache.page(shared + at);
      if (source !== undefined) this.#cache.within(source, shared + at, source.data.length, 'qcow2 L2 table');
      const page = this.#cache.fresh(table + at, RANK.l2);
      if (source !== undefined) page.data.set(source.data);
    }
    const position = this.#l1.offset + Math.floor(offset / this.#g.coverage) * ENTRY_BYTES;
    const l1 = await this.#cache.page(position);
    const at = position - l1.offset;
    l1.view.setUint32(at, Math.floor(table / HIGH_UNIT) + HIGH_COPIED);
    l1.view.setUint32(at + 4, table % HIGH_UNIT);
    this.#cache.touch(l1, RANK.l1);
    if (shared !== 0) this.#refcounts.release(shared, this.#g.clusterSize);
    return table;
  }
}

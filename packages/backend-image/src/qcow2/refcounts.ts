import { CorruptImageError, type HostFile } from '@vmcraft/core';
import type { MetadataCache, MetadataPage } from '../page-cache.js';
import { writeRefcountTablePlace } from './header-writer.js';
import { ENTRY_BYTES, HIGH_UNIT, LOW_OFFSET } from './layout.js';
import { RANK } from './ranks.js';
import { firstFree, firstUsed, getRefcount, setRefcount } from './refcount-entries.js';
import { layoutRefcounts, type RefcountLayout } from './refcount-layout.js';

/** Where the refcount table lies. */
export interface RefcountTablePlace {
  /** Bytes. */
  readonly offset: number;
  readonly clusters: number;
}

/** Clusters whose reference is dropped, once nothing in the file points at them any more. */
interface Release {
  readonly first: number;
  readonly count: number;
}

/** Pending releases after which a write-back is due. */
const MANY_RELEASES = 16384;

/** Counts and hands out host clusters. */
export class Refcounts {
  readonly #file: HostFile;
  readonly #cache: MetadataCache;
  readonly #clusterSize: number;
  readonly #order: number;
  /** Clusters that one block counts. */
  readonly #perBlock: number;
  /** Counts in one page of a block. */
  readonly #perPage: number;
  #table: RefcountTablePlace;
  /** No cluster below is free. */
  #cursor = 0;
  #releases: Release[] = [];

  constructor(cache: MetadataCache, clusterSize: number, order: number, table: RefcountTablePlace) {
    this.#file = cache.file;
    this.#cache = cache;
    this.#clusterSize = clusterSize;
    this.#order = order;
    this.#perBlock = (clusterSize * 8) / 2 ** order;
    this.#perPage = (cache.pageSize * 8) / 2 ** order;
    this.#table = table;
  }

  get table(): RefcountTablePlace {
    return this.#table;
  }

  /** Clusters that one block counts. */
  get perBlock(): number {
    return this.#perBlock;
  }

  /** Work with another table, as after a rebuild. */
  replaceTable(table: RefcountTablePlace): void {
    this.#table = table;
    this.#cursor = 0;
  }

  /** Whether so many releases wait that the writer should settle. */
  get crowded(): boolean {
    return this.#releases.length > MANY_RELEASES;
  }

  /**
   * Take up to `wanted` neighbouring free clusters, at least one.
   * @returns offset in bytes and the number of clusters
   */
  async allocate(wanted: number): Promise<{ offset: number; count: number }> {
    for (;;) {
      const block = Math.floor(this.#cursor / this.#perBlock);
      const offset = await this.#blockOffset(block);
      if (offset === 0) {
        this.#cursor = await this.#createBlock(block, this.#cursor);
        continue;
      }
      const index = this.#cursor - block * this.#perBlock;
      const pageIndex = Math.floor(index / this.#perPage);
      const page = await this.#blockPage(offset, pageIndex);
      const from = index - pageIndex * this.#perPage;
      const to = Math.min(this.#perPage, this.#perBlock - pageIndex * this.#perPage);
      const free = firstFree(page.view, this.#order, from, to);
      const first = this.#cursor + free - from;
      this.#cursor = first;
      if (free === to) continue;
      const end = firstUsed(page.view, this.#order, free, Math.min(to, free + wanted));
      for (let i = free; i < end; i++) setRefcount(page.view, this.#order, i, 1);
      this.#cache.touch(page, RANK.refcountBlock);
      this.#cursor = first + end - free;
      return { offset: first * this.#clusterSize, count: end - free };
    }
  }

  /** Take `count` neighbouring clusters, for a table. @returns offset in bytes */
  async allocateContiguous(count: number): Promise<number> {
    let start = -1;
    let got = 0;
    const rejected: Release[] = [];
    while (got < count) {
      const part = await this.allocate(count - got);
      const first = part.offset / this.#clusterSize;
      if (start >= 0 && first === start + got) {
        got += part.count;
        continue;
      }
      if (got > 0) rejected.push({ first: start, count: got });
      start = first;
      got = part.count;
    }
    for (const r of rejected) await this.#decrement(r);
    return start * this.#clusterSize;
  }

  /** Drop one reference to every cluster that [offset, offset + length) touches; it takes effect with {@link applyReleases}. */
  release(offset: number, length: number): void {
    const first = Math.floor(offset / this.#clusterSize);
    const end = Math.ceil((offset + length) / this.#clusterSize);
    this.#releases.push({ first, count: end - first });
  }

  /** Let the releases take effect: call when no table in the file refers to the clusters any more. */
  async applyReleases(): Promise<void> {
    const due = this.#releases;
    this.#releases = [];
    for (const release of due) await this.#decrement(release);
  }

  /** The count of one cluster. */
  async get(cluster: number): Promise<number> {
    const place = await this.#place(cluster);
    return place === undefined ? 0 : getRefcount(place.page.view, this.#order, place.index);
  }

  async #decrement({ first, count }: Release): Promise<void> {
    for (let cluster = first; cluster < first + count; cluster++) {
      const place = await this.#place(cluster);
      const value = place === undefined ? 0 : getRefcount(place.page.view, this.#order, place.index);
      if (place === undefined || value === 0) {
        const reason = `cluster ${cluster} is in use, yet its refcount is 0`;
        throw new CorruptImageError({ structure: 'qcow2.refcountBlock', reason });
      }
      setRefcount(place.page.view, this.#order, place.index, value - 1);
      this.#cache.touch(place.page, RANK.refcountBlock);
      if (value === 1) {
        this.#cursor = Math.min(this.#cursor, cluster);
        this.#cache.forget(cluster * this.#clusterSize, this.#clusterSize);
      }
    }
  }

  async #place(cluster: number): Promise<{ page: MetadataPage; index: number } | undefined> {
    const block = Math.floor(cluster / this.#perBlock);
    const offset = await this.#blockOffset(block);
    if (offset === 0) return undefined;
    const index = cluster - block * this.#perBlock;
    const pageIndex = Math.floor(index / this.#perPage);
    const page = await this.#blockPage(offset, pageIndex);
    return { page, index: index - pageIndex * this.#perPage };
  }

  /** A page of a block; one that the file does not hold whole would pass used clusters off as free. */
  async #blockPage(block: number, index: number): Promise<MetadataPage> {
    const position = block + index * this.#cache.pageSize;
    const page = await this.#cache.page(position);
    this.#cache.within(page, position, this.#cache.pageSize, 'qcow2 refcount block');
    return page;
  }

  get #capacity(): number {
    return (this.#table.clusters * this.#clusterSize) / ENTRY_BYTES;
  }

  /** Offset of a block, 0 when there is none. */
  async #blockOffset(block: number): Promise<number> {
    if (block >= this.#capacity) return 0;
    const position = this.#table.offset + block * ENTRY_BYTES;
    const page = await this.#cache.page(position);
    const at = this.#cache.within(page, position, ENTRY_BYTES, 'qcow2 refcount table');
    const offset = page.view.getUint32(at) * HIGH_UNIT + ((page.view.getUint32(at + 4) & LOW_OFFSET) >>> 0);
    if (offset % this.#clusterSize !== 0 || offset >= this.#file.size + this.#clusterSize * this.#perBlock) {
      throw new CorruptImageError({
        structure: 'qcow2.refcountTable',
        offset: position,
        reason: `bad entry ${offset}`,
      });
    }
    return offset;
  }

  async #setBlockOffset(block: number, offset: number): Promise<void> {
    const position = this.#table.offset + block * ENTRY_BYTES;
    const page = await this.#cache.page(position);
    page.view.setBigUint64(position - page.offset, BigInt(offset));
    this.#cache.touch(page, RANK.refcountTable);
  }

  /** Put the block into the first cluster it counts that is wanted: nothing it counts is in use. @returns where to go on */
  async #createBlock(block: number, cluster: number): Promise<number> {
    if (block >= this.#capacity) return this.#grow(block, cluster);
    this.#freshBlock(cluster * this.#clusterSize);
    await this.#setBlockOffset(block, cluster * this.#clusterSize);
    const place = await this.#place(cluster);
    if (place !== undefined) setRefcount(place.page.view, this.#order, place.index, 1);
    return cluster + 1;
  }

  #freshBlock(offset: number): void {
    for (let at = 0; at < this.#clusterSize; at += this.#cache.pageSize) {
      this.#cache.fresh(offset + at, RANK.refcountBlock);
    }
  }

  /** Write a larger table behind everything that is counted, then switch the header to it. */
  async #grow(block: number, cluster: number): Promise<number> {
    const layout = layoutRefcounts(cluster, block, this.#perBlock, this.#clusterSize);
    const old = this.#table;
    await this.#copyTable(layout);
    this.#table = { offset: layout.tableAt * this.#clusterSize, clusters: layout.tableClusters };
    for (let b = layout.firstBlock; b < layout.endBlock; b++) {
      const offset = (cluster + b - layout.firstBlock) * this.#clusterSize;
      this.#freshBlock(offset);
      await this.#setBlockOffset(b, offset);
    }
    for (let c = cluster; c < layout.end; c++) {
      const place = await this.#place(c);
      if (place === undefined) continue;
      setRefcount(place.page.view, this.#order, place.index, 1);
      this.#cache.touch(place.page, RANK.refcountBlock);
    }
    await this.#cache.writeBack(RANK.refcountTable);
    await this.#file.flush();
    await writeRefcountTablePlace(this.#file, this.#table.offset, this.#table.clusters);
    this.release(old.offset, old.clusters * this.#clusterSize);
    return layout.end;
  }

  async #copyTable(layout: RefcountLayout): Promise<void> {
    const from = this.#table;
    const to = layout.tableAt * this.#clusterSize;
    const size = this.#cache.pageSize;
    for (let at = 0; at < layout.tableClusters * this.#clusterSize; at += size) {
      const old = at < from.clusters * this.#clusterSize ? await this.#cache.page(from.offset + at) : undefined;
      const fresh = this.#cache.fresh(to + at, RANK.refcountTable);
      if (old !== undefined) fresh.data.set(old.data);
    }
  }
}

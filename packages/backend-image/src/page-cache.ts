import { type HostFile, InternalError, TruncatedImageError, viewOf } from '@vmcraft/core';

/** One page of format metadata. */
export interface MetadataPage {
  /** Where in the file, in bytes; a multiple of the page size. */
  readonly offset: number;
  /** Always a whole page; zeros past the end of the file. */
  readonly data: Uint8Array;
  readonly view: DataView;
  /** Bytes that the file really has of this page, or that were written to it. */
  valid: number;
  /** Order in which dirty pages are written, lowest first; 0 when clean. */
  rank: number;
}

/**
 * Bounded cache of the tables of one image file, in aligned pages. Writes are held back until {@link MetadataCache.writeBack}, which
 * keeps the order that ranks ask for.
 */
export class MetadataCache {
  readonly file: HostFile;
  readonly pageSize: number;
  readonly #pages = new Map<number, MetadataPage>();
  readonly #loading = new Map<number, Promise<MetadataPage>>();
  readonly #maxPages: number;
  #dirty = 0;

  /**
   * @param pageSize a power of two, bytes
   * @param maxBytes bound of what is held; at least eight pages are
   */
  constructor(file: HostFile, pageSize: number, maxBytes: number) {
    this.file = file;
    this.pageSize = pageSize;
    this.#maxPages = Math.max(8, Math.floor(maxBytes / pageSize));
  }

  /** The page that holds byte `position` of the file; at once when it is cached. */
  page(position: number): MetadataPage | Promise<MetadataPage> {
    const offset = position - (position % this.pageSize);
    const page = this.#pages.get(offset);
    if (page === undefined) return this.#load(offset);
    // Order of the map is order of use.
    this.#pages.delete(offset);
    this.#pages.set(offset, page);
    return page;
  }

  /**
   * Position of `length` bytes at `position` within `page`.
   * @throws TruncatedImageError when the file ends before them
   */
  within(page: MetadataPage, position: number, length: number, structure: string): number {
    const at = position - page.offset;
    if (at + length > page.valid) {
      const available = Math.max(0, page.valid - at);
      throw new TruncatedImageError({ structure, offset: position, needed: length, available });
    }
    return at;
  }

  /** Take a page of zeros into the cache without reading: its place in the file was just allocated. */
  fresh(offset: number, rank: number): MetadataPage {
    if (offset % this.pageSize !== 0) throw new InternalError('metadata page is not aligned', { offset });
    const held = this.#pages.get(offset);
    if (held !== undefined) this.#drop(held);
    const data = new Uint8Array(this.pageSize);
    const page = { offset, data, view: viewOf(data), valid: data.length, rank: 0 };
    this.#pages.set(offset, page);
    this.touch(page, rank);
    return page;
  }

  /** Say that `page` was changed. */
  touch(page: MetadataPage, rank: number): void {
    if (page.rank === 0) this.#dirty += 1;
    page.rank = Math.max(page.rank, rank);
    page.valid = page.data.length;
    // A change to a page that was pushed out while its caller waited would be lost.
    if (this.#pages.get(page.offset) !== page) this.#pages.set(page.offset, page);
  }

  /** Forget pages of a place that holds no metadata any more. */
  forget(offset: number, length: number): void {
    for (let at = offset; at < offset + length; at += this.pageSize) {
      const page = this.#pages.get(at);
      if (page !== undefined) this.#drop(page);
    }
  }

  /** Whether more pages are held than the bound allows and some are dirty, so that a write-back is due. */
  get crowded(): boolean {
    return this.#dirty > this.#maxPages / 2;
  }

  get dirty(): boolean {
    return this.#dirty > 0;
  }

  /** Write dirty pages of rank up to `maxRank`: by rank, then by place, neighbours together. */
  async writeBack(maxRank = Number.POSITIVE_INFINITY): Promise<void> {
    const due = [...this.#pages.values()].filter((page) => page.rank > 0 && page.rank <= maxRank);
    due.sort((a, b) => a.rank - b.rank || a.offset - b.offset);
    for (const page of due) {
      await this.file.write(page.offset, page.data);
      page.rank = 0;
      this.#dirty -= 1;
    }
    this.#trim();
  }

  #drop(page: MetadataPage): void {
    if (page.rank > 0) this.#dirty -= 1;
    page.rank = 0;
    this.#pages.delete(page.offset);
  }

  #load(offset: number): Promise<MetadataPage> {
    const running = this.#loading.get(offset);
    if (running !== undefined) return running;
    const loading = this.#read(offset).finally(() => this.#loading.delete(offset));
    this.#loading.set(offset, loading);
    return loading;
  }

  async #read(offset: number): Promise<MetadataPage> {
    const bytes = await this.file.read(offset, this.pageSize);
    const data = new Uint8Array(this.pageSize);
    data.set(bytes);
    const page = { offset, data, view: viewOf(data), valid: bytes.length, rank: 0 };
    const raced = this.#pages.get(offset);
    if (raced !== undefined) return raced;
    this.#pages.set(offset, page);
    this.#trim();
    return page;
  }

  #trim(): void {
    if (this.#pages.size <= this.#maxPages) return;
    for (const page of this.#pages.values()) {
      if (this.#pages.size <= this.#maxPages) return;
      if (page.rank === 0) this.#pages.delete(page.offset);
    }
  }
}

/** Bytes of one page; pages are aligned to this. */
export const PAGE_SIZE = 65536;

interface Page {
  data: Uint8Array;
  /** Nobody else holds these bytes, so they may be changed in place. */
  owned: boolean;
  /** Used since the clock hand last passed. */
  used: boolean;
}

/**
 * Pages of one device, bounded by bytes. Eviction is second-chance (clock) order: as good as LRU here, and a hit only sets a flag.
 * Bytes handed out by `get` never change afterwards: a later `update` copies the page first.
 */
export class PageCache {
  readonly #pages = new Map<number, Page>();
  readonly #maxBytes: number;
  #bytes = 0;

  /** @param maxBytes bound of the bytes held; at least one page is */
  constructor(maxBytes: number) {
    this.#maxBytes = Math.max(maxBytes, PAGE_SIZE);
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  has(index: number): boolean {
    return this.#pages.has(index);
  }

  /** The bytes of page `index`, or undefined. The caller must not change them. */
  get(index: number): Uint8Array | undefined {
    const page = this.#pages.get(index);
    if (page === undefined) return undefined;
    page.used = true;
    page.owned = false;
    return page.data;
  }

  /** Keep `data` as page `index`. It may still be shared with whoever read it, so it is not changed in place. */
  put(index: number, data: Uint8Array): void {
    this.drop(index);
    // A small view would keep all of a large buffer alive and break the bound.
    const detached = data.buffer.byteLength > data.byteLength * 2 ? data.slice() : data;
    this.#pages.set(index, { data: detached, owned: detached !== data, used: true });
    this.#bytes += detached.length;
    if (this.#bytes > this.#maxBytes) this.#evict(index);
  }

  /** Change part of a page, if it is held. */
  update(index: number, within: number, data: Uint8Array): void {
    const page = this.#pages.get(index);
    if (page === undefined) return;
    if (within + data.length > page.data.length) {
      this.drop(index);
      return;
    }
    if (!page.owned) {
      page.data = new Uint8Array(page.data);
      page.owned = true;
    }
    page.data.set(data, within);
  }

  drop(index: number): void {
    const page = this.#pages.get(index);
    if (page === undefined) return;
    this.#pages.delete(index);
    this.#bytes -= page.data.length;
  }

  /** Drop pages `first` to `last`, both included. */
  dropRange(first: number, last: number): void {
    if (last - first > this.#pages.size) {
      for (const index of this.#pages.keys()) if (index >= first && index <= last) this.drop(index);
      return;
    }
    for (let index = first; index <= last; index++) this.drop(index);
  }

  clear(): void {
    this.#pages.clear();
    this.#bytes = 0;
  }

  #evict(keep: number): void {
    for (const [index, page] of this.#pages) {
      if (this.#bytes <= this.#maxBytes) return;
      if (index === keep) continue;
      this.#pages.delete(index);
      if (page.used) {
        page.used = false;
        this.#pages.set(index, page);
      } else {
        this.#bytes -= page.data.length;
      }
    }
  }
}

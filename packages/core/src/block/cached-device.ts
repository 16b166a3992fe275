import {
  type BlockDevice,
  type Discardable,
  hasHostPath,
  hasSparseMap,
  type IoOptions,
  isDiscardable,
  isResizable,
  type Peekable,
  type Resizable,
  type SparseMap,
} from '../contracts/index.js';
import { type LayerMetrics, timed } from './metrics.js';
import { PAGE_SIZE, PageCache } from './page-cache.js';
import { checkSpan, requireWritable, throwIfAborted, untilAborted } from './span.js';

/** Most bytes asked of the device below at once. */
const MAX_RUN = 1024 * 1024;
const MAX_RUN_PAGES = MAX_RUN / PAGE_SIZE;
/** A change of more pages than this forgets the whole cache. */
const MAX_TRACKED_PAGES = 4096;

/** How to make a {@link CachedDevice}. */
export interface CacheOptions {
  /** Bound of the pages held, bytes; 16 MiB unless given. */
  readonly maxBytes?: number;
  /** Counts hits, misses and the traffic with the device below. */
  readonly metrics?: LayerMetrics;
}

/** Pages being read from below by one call. */
interface Run {
  readonly first: number;
  readonly data: Promise<Uint8Array>;
}

/** Writes to a page that are under way. */
interface Writers {
  count: number;
  /** Several at once: the device below decides who wins, so the page must be read again. */
  contested: boolean;
}

/**
 * A device with a page cache in front of it: aligned pages of 64 KiB, bounded in bytes.
 *
 * - Reads of metadata fill pages; concurrent reads of one page share one read below; sequential misses read ahead up to 1 MiB.
 * - `bulk` reads of a page or more go past the cache in runs of up to 1 MiB; smaller ones use it, as neighbours are likely to follow.
 * - Writes go **through**: the device below has them when the promise settles, and pages held are brought up to date. So nothing is
 *   ever dirty here, errors surface at the write that caused them, and bulk reads past the cache see all that was written. Small writes
 *   are cheap where they should be: in the transaction's overlay at the bottom.
 * - Bytes returned never change later, even if their range is written.
 *
 * Everything must reach the device below through this object, or call {@link invalidate} after going round it.
 * Closing it closes the device below.
 */
export class CachedDevice implements BlockDevice, Peekable {
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly extents?: SparseMap['extents'];
  readonly discard?: Discardable['discard'];
  readonly resize?: Resizable['resize'];
  readonly hostPath?: string;
  readonly hostOffset?: number;
  readonly #parent: BlockDevice;
  readonly #cache: PageCache;
  readonly #metrics: LayerMetrics | undefined;
  readonly #loading = new Map<number, Run>();
  readonly #writers = new Map<number, Writers>();
  /** Changes under way of more than {@link MAX_TRACKED_PAGES} pages. */
  #sweeping = 0;
  /** Page at which a sequential reader would miss next, and how many pages it gets then. */
  #aheadAt = -1;
  #ahead = 1;

  constructor(parent: BlockDevice, options: CacheOptions = {}) {
    this.#parent = parent;
    this.#cache = new PageCache(options.maxBytes ?? 16 * 1024 * 1024);
    this.#metrics = options.metrics;
    this.sectorSize = parent.sectorSize;
    this.writable = parent.writable;
    if (hasSparseMap(parent)) this.extents = (offset, length, o) => parent.extents(offset, length, o);
    if (isDiscardable(parent)) {
      this.discard = (offset, length, o) =>
        this.#change(offset, length, undefined, () => parent.discard(offset, length, o));
    }
    if (isResizable(parent)) this.resize = (size) => this.#resize(parent, size);
    if (hasHostPath(parent)) {
      this.hostPath = parent.hostPath;
      this.hostOffset = parent.hostOffset;
    }
  }

  get size(): number {
    return this.#parent.size;
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    if (!(offset >= 0 && length >= 0)) return undefined;
    const within = offset % PAGE_SIZE;
    const first = (offset - within) / PAGE_SIZE;
    if (within + length <= PAGE_SIZE) {
      const page = this.#cache.get(first);
      if (page === undefined || within + length > page.length) return undefined;
      if (this.#metrics !== undefined) this.#metrics.cacheHits++;
      return page.subarray(within, within + length);
    }
    const last = Math.floor((offset + length - 1) / PAGE_SIZE);
    for (let index = first; index <= last; index++) if (!this.#cache.has(index)) return undefined;
    const pages: Uint8Array[] = [];
    for (let index = first; index <= last; index++) pages.push(this.#cache.get(index)!);
    if (pages.some((page, i) => page.length < Math.min(PAGE_SIZE, offset + length - (first + i) * PAGE_SIZE))) {
      return undefined;
    }
    if (this.#metrics !== undefined) this.#metrics.cacheHits += pages.length;
    return assemble(pages, within, length);
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    checkSpan('device', this.size, offset, length);
    throwIfAborted(options?.signal, 'read');
    if (length === 0) return new Uint8Array(0);
    const cached = this.peek(offset, length);
    if (cached !== undefined) return cached;
    if (length > MAX_RUN || (options?.bulk === true && length >= PAGE_SIZE)) {
      return this.#readPast(offset, length, options);
    }
    try {
      return await this.#readPages(offset, length, options);
    } catch {
      throwIfAborted(options?.signal, 'read');
      // The fault may lie beside the wanted bytes, in the rest of a page or in what was read ahead.
      return this.#readBelow(offset, length, options);
    }
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    if (this.#metrics !== undefined) {
      this.#metrics.writes++;
      this.#metrics.bytesWritten += data.length;
    }
    return this.#change(offset, data.length, data, () => this.#parent.write(offset, data, options));
  }

  async flush(): Promise<void> {
    if (this.#metrics !== undefined) this.#metrics.flushes++;
    return timed(this.#metrics, () => this.#parent.flush());
  }

  async close(): Promise<void> {
    this.invalidate();
    return this.#parent.close();
  }

  /** Forget all pages, after the device below changed by another way (rollback, a resize). */
  invalidate(): void {
    this.#loading.clear();
    this.#cache.clear();
  }

  #readBelow(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    if (this.#metrics !== undefined) {
      this.#metrics.reads++;
      this.#metrics.bytesRead += length;
    }
    return timed(this.#metrics, () => this.#parent.read(offset, length, options));
  }

  async #readPast(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    if (length <= MAX_RUN) return this.#readBelow(offset, length, options);
    const out = new Uint8Array(length);
    for (let done = 0; done < length; done += MAX_RUN) {
      throwIfAborted(options?.signal, 'read');
      const run = Math.min(MAX_RUN, length - done);
      out.set(await this.#readBelow(offset + done, run, options), done);
    }
    return out;
  }

  async #readPages(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const within = offset % PAGE_SIZE;
    const first = (offset - within) / PAGE_SIZE;
    const count = Math.ceil((within + length) / PAGE_SIZE);
    const sources = this.#sourcesOf(first, count);
    const pages: Uint8Array[] = [];
    for (const [i, source] of sources.entries()) {
      if (source instanceof Uint8Array) {
        pages.push(source);
        continue;
      }
      const data = await untilAborted(source.data, options?.signal, 'read');
      const at = (first + i - source.first) * PAGE_SIZE;
      pages.push(data.subarray(at, at + PAGE_SIZE));
    }
    return assemble(pages, within, length);
  }

  /** Where each wanted page comes from: the cache, a read under way, or a new read started here. */
  #sourcesOf(first: number, count: number): (Uint8Array | Run)[] {
    const sources: (Uint8Array | Run)[] = [];
    for (let index = first; index < first + count; ) {
      const found = this.#wholePage(index) ?? this.#loading.get(index);
      if (found !== undefined) {
        sources.push(found);
        index++;
        continue;
      }
      let end = index + 1;
      while (end < first + count && !this.#cache.has(end) && !this.#loading.has(end)) end++;
      const run = this.#load(index, end - index);
      for (; index < end; index++) sources.push(run);
    }
    return sources;
  }

  #wholePage(index: number): Uint8Array | undefined {
    const page = this.#cache.get(index);
    if (page === undefined || page.length === PAGE_SIZE) return page;
    if (index * PAGE_SIZE + page.length >= this.size) return page;
    this.#cache.drop(index);
    return undefined;
  }

  #load(first: number, wanted: number): Run {
    this.#ahead = first === this.#aheadAt ? Math.min(this.#ahead * 2, MAX_RUN_PAGES) : 1;
    const limit = Math.ceil(this.size / PAGE_SIZE);
    let end = first + wanted;
    const aim = Math.min(limit, Math.max(end, first + this.#ahead));
    while (end < aim && !this.#cache.has(end) && !this.#loading.has(end)) end++;
    this.#aheadAt = end;
    if (this.#metrics !== undefined) this.#metrics.cacheMisses += wanted;
    const offset = first * PAGE_SIZE;
    const data = this.#readBelow(offset, Math.min((end - first) * PAGE_SIZE, this.size - offset));
    const run: Run = { first, data };
    for (let index = first; index < end; index++) this.#loading.set(index, run);
    data.then(
      (bytes) => this.#loaded(run, end, bytes),
      () => this.#loaded(run, end, undefined),
    );
    return run;
  }

  #loaded(run: Run, end: number, bytes: Uint8Array | undefined): void {
    for (let index = run.first; index < end; index++) {
      // A write in the meantime has taken the page off the list: what was read may be older than it.
      if (this.#loading.get(index) !== run) continue;
      this.#loading.delete(index);
      const at = (index - run.first) * PAGE_SIZE;
      if (bytes !== undefined) this.#cache.put(index, bytes.subarray(at, at + PAGE_SIZE));
    }
  }

  /** Change a range below and then the pages held: `data` in place, or dropped when undefined. */
  async #change(
    offset: number,
    length: number,
    data: Uint8Array | undefined,
    work: () => Promise<void>,
  ): Promise<void> {
    requireWritable(this, 'device');
    checkSpan('device', this.size, offset, length);
    if (length === 0) return;
    const first = Math.floor(offset / PAGE_SIZE);
    const last = Math.floor((offset + length - 1) / PAGE_SIZE);
    if (last - first >= MAX_TRACKED_PAGES) return this.#changeMuch(work);
    this.#beginWrite(first, last);
    let done = false;
    try {
      await timed(this.#metrics, work);
      done = true;
    } finally {
      for (let index = first; index <= last; index++) {
        const contested = this.#endWrite(index);
        if (contested || !done || data === undefined) {
          this.#cache.drop(index);
          continue;
        }
        const from = Math.max(offset, index * PAGE_SIZE);
        const to = Math.min(offset + length, (index + 1) * PAGE_SIZE);
        this.#cache.update(index, from - index * PAGE_SIZE, data.subarray(from - offset, to - offset));
      }
    }
  }

  /** A change of so many pages that forgetting everything is cheaper than keeping account of each. */
  async #changeMuch(work: () => Promise<void>): Promise<void> {
    this.#sweeping++;
    for (const writers of this.#writers.values()) writers.contested = true;
    this.invalidate();
    try {
      await timed(this.#metrics, work);
    } finally {
      this.invalidate();
      this.#sweeping--;
    }
  }

  #beginWrite(first: number, last: number): void {
    for (let index = first; index <= last; index++) {
      this.#loading.delete(index);
      const writers = this.#writers.get(index);
      if (writers === undefined) {
        this.#writers.set(index, { count: 1, contested: this.#sweeping > 0 });
      } else {
        writers.count++;
        writers.contested = true;
      }
    }
  }

  #endWrite(index: number): boolean {
    this.#loading.delete(index);
    const writers = this.#writers.get(index)!;
    if (--writers.count === 0) this.#writers.delete(index);
    return writers.contested;
  }

  async #resize(parent: Resizable, size: number): Promise<void> {
    await parent.resize(size);
    this.invalidate();
  }
}

function assemble(pages: readonly Uint8Array[], within: number, length: number): Uint8Array {
  if (pages.length === 1) return pages[0]!.subarray(within, within + length);
  const out = new Uint8Array(length);
  let at = -within;
  for (const page of pages) {
    const from = at < 0 ? -at : 0;
    out.set(page.subarray(from, Math.min(page.length, length - at)), Math.max(at, 0));
    at += PAGE_SIZE;
  }
  return out;
}

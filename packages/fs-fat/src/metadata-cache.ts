import type { BlockDevice } from '@vmcraft/core/contracts';
import { TruncatedImageError } from '@vmcraft/core/errors';

/** What a dirty sector belongs to; the classes go to the device in an order that survives a crash. */
export type DirtyClass = 'table' | 'directory';

const PAGE_SHIFT = 12;
/** Bytes of a page. */
export const PAGE = 1 << PAGE_SHIFT;
/** Dirt is tracked in units of the smallest sector, so that writing a page back never touches its neighbours. */
const SECTOR = 512;
const SECTORS = PAGE / SECTOR;
/** Pages fetched by one miss. */
const READ_AHEAD = 16;
/** Bytes written by one call. */
const MAX_WRITE = 1024 * 1024;

/** Bytes and where they go. */
export interface Write {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** One cached page. */
export class Page {
  readonly data: Uint8Array;
  readonly view: DataView;
  /** Dirty sectors, a bit each. */
  readonly dirty: Record<DirtyClass, number> = { table: 0, directory: 0 };
  referenced = true;

  constructor(data: Uint8Array) {
    this.data = data;
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }
}

/** The bits of a page's sectors that [from, to) touches. */
function sectorBits(from: number, to: number): number {
  const first = Math.floor(from / SECTOR);
  const last = Math.floor((to - 1) / SECTOR);
  return ((1 << (last + 1)) - 1) & ~((1 << first) - 1);
}

/**
 * A bounded write-back cache of the structures of a volume: allocation tables, bitmaps, directories. File contents go past it by
 * {@link writeThrough}. Nothing is written before {@link flush}.
 */
export class MetadataCache {
  readonly device: BlockDevice;
  /** Further places where a written range of the table belongs (FAT copies), set by the volume. */
  mirrors: (offset: number, data: Uint8Array) => readonly Write[] = () => [];
  readonly #pages = new Map<number, Page>();
  readonly #maxPages: number;
  readonly #dirty: Record<DirtyClass, Set<number>> = { table: new Set(), directory: new Set() };
  readonly #loading = new Map<number, Promise<void>>();

  /** @param maxPages clean pages of 4 KiB kept; dirty ones come on top until the next flush */
  constructor(device: BlockDevice, maxPages = 2048) {
    this.device = device;
    this.#maxPages = maxPages;
  }

  /** Count of pages waiting for {@link flush}. */
  get dirtyPages(): number {
    return this.#dirty.table.size + this.#dirty.directory.size;
  }

  /** The page holding byte `offset` of the device, if it is here. */
  peek(offset: number): Page | undefined {
    const page = this.#pages.get(Math.floor(offset / PAGE));
    if (page !== undefined) page.referenced = true;
    return page;
  }

  /** The page holding byte `offset`. @throws TruncatedImageError past the end of the device */
  async load(offset: number): Promise<Page> {
    const index = Math.floor(offset / PAGE);
    for (;;) {
      const page = this.peek(offset);
      if (page !== undefined) return page;
      let fetch = this.#loading.get(index);
      if (fetch === undefined) {
        fetch = this.#fetch(index).finally(() => this.#loading.delete(index));
        this.#loading.set(index, fetch);
      }
      await fetch;
    }
  }

  async #fetch(index: number): Promise<void> {
    const start = index * PAGE;
    const available = this.device.size - start;
    if (available <= 0) {
      throw new TruncatedImageError({ structure: 'volume', offset: start, needed: PAGE, available: 0 });
    }
    let data: Uint8Array;
    try {
      data = await this.device.read(start, Math.min(available, READ_AHEAD * PAGE));
    } catch {
      // The fault may lie in what is read ahead.
      data = await this.device.read(start, Math.min(available, PAGE));
    }
    this.#evict(READ_AHEAD);
    for (let at = 0, i = index; at < data.length; at += PAGE, i++) {
      if (!this.#pages.has(i)) this.#pages.set(i, new Page(data.slice(at, at + PAGE)));
    }
  }

  /** Second-chance eviction of clean pages, in order of arrival. */
  #evict(room: number): void {
    if (this.#pages.size + room <= this.#maxPages) return;
    let spare = this.#pages.size;
    for (const [index, page] of this.#pages) {
      if (this.#pages.size + room <= this.#maxPages || spare-- <= 0) return;
      if (page.dirty.table !== 0 || page.dirty.directory !== 0) continue;
      this.#pages.delete(index);
      if (page.referenced) {
        page.referenced = false;
        this.#pages.set(index, page);
      }
    }
  }

  /** `length` bytes at `offset`, through the cache. The result may be a view: read it before the next call. */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    const within = offset % PAGE;
    if (within + length <= PAGE) {
      const page = this.peek(offset) ?? (await this.load(offset));
      this.#need(page, offset, within, length);
      return page.data.subarray(within, within + length);
    }
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const page = this.peek(at) ?? (await this.load(at));
      const run = Math.min(length - done, PAGE - (at % PAGE));
      this.#need(page, at, at % PAGE, run);
      out.set(page.data.subarray(at % PAGE, (at % PAGE) + run), done);
      done += run;
    }
    return out;
  }

  #need(page: Page, offset: number, within: number, length: number): void {
    if (within + length <= page.data.length) return;
    const available = Math.max(0, page.data.length - within);
    throw new TruncatedImageError({ structure: 'volume', offset, needed: length, available });
  }

  /** `length` bytes read in one go past the cache, with what is dirty here laid over: for scans of whole tables. */
  async scan(offset: number, length: number): Promise<Uint8Array> {
    const raw = await this.device.read(offset, length);
    if (this.dirtyPages === 0) return raw;
    const out = raw.slice();
    const first = Math.floor(offset / PAGE);
    const last = Math.floor((offset + length - 1) / PAGE);
    for (let index = first; index <= last; index++) {
      const page = this.#pages.get(index);
      if (page === undefined || (page.dirty.table | page.dirty.directory) === 0) continue;
      const from = Math.max(offset, index * PAGE);
      const to = Math.min(offset + length, index * PAGE + page.data.length);
      out.set(page.data.subarray(from - index * PAGE, to - index * PAGE), from - offset);
    }
    return out;
  }

  /** Note that bytes of a page were changed in place. */
  mark(offset: number, length: number, page: Page, kind: DirtyClass): void {
    const within = offset % PAGE;
    page.dirty[kind] |= sectorBits(within, within + length);
    this.#dirty[kind].add((offset - within) / PAGE);
  }

  /** Change bytes, to be written at the next {@link flush}. */
  async modify(offset: number, data: Uint8Array, kind: DirtyClass): Promise<void> {
    for (let done = 0; done < data.length; ) {
      const at = offset + done;
      const within = at % PAGE;
      const run = Math.min(data.length - done, PAGE - within);
      const page = this.peek(at) ?? (await this.load(at));
      this.#need(page, at, within, run);
      page.data.set(data.subarray(done, done + run), within);
      this.mark(at, run, page, kind);
      done += run;
    }
  }

  /** Write straight to the device: file contents, and structures that must be there before anything refers to them. */
  async writeThrough(offset: number, data: Uint8Array): Promise<void> {
    await this.device.write(offset, data);
    const first = Math.floor(offset / PAGE);
    const last = Math.floor((offset + data.length - 1) / PAGE);
    for (let index = first; index <= last; index++) {
      const page = this.#pages.get(index);
      if (page === undefined) continue;
      const from = Math.max(offset, index * PAGE);
      const to = Math.min(offset + data.length, index * PAGE + page.data.length);
      page.data.set(data.subarray(from - offset, to - offset), from - index * PAGE);
      const whole = wholeSectorBits(from - index * PAGE, to - index * PAGE);
      page.dirty.table &= ~whole;
      page.dirty.directory &= ~whole;
    }
  }

  /** Write all dirty sectors of one class, in ascending order, neighbours together. */
  async flush(kind: DirtyClass): Promise<void> {
    const indices = [...this.#dirty[kind]].sort((a, b) => a - b);
    let run: { offset: number; parts: Uint8Array[]; length: number } | undefined;
    for (const index of indices) {
      const page = this.#pages.get(index);
      if (page === undefined) continue;
      for (let sector = 0; sector < SECTORS; sector++) {
        if ((page.dirty[kind] & (1 << sector)) === 0) continue;
        const offset = index * PAGE + sector * SECTOR;
        const data = page.data.subarray(sector * SECTOR, (sector + 1) * SECTOR);
        if (run === undefined || run.offset + run.length !== offset || run.length >= MAX_WRITE) {
          if (run !== undefined) await this.#write(run, kind);
          run = { offset, parts: [], length: 0 };
        }
        run.parts.push(data);
        run.length += data.length;
      }
    }
    if (run !== undefined) await this.#write(run, kind);
    for (const index of indices) {
      const page = this.#pages.get(index);
      if (page !== undefined) page.dirty[kind] = 0;
    }
    this.#dirty[kind].clear();
  }

  async #write(run: { offset: number; parts: Uint8Array[]; length: number }, kind: DirtyClass): Promise<void> {
    const data = new Uint8Array(run.length);
    let at = 0;
    for (const part of run.parts) {
      data.set(part, at);
      at += part.length;
    }
    await this.device.write(run.offset, data);
    if (kind !== 'table') return;
    for (const copy of this.mirrors(run.offset, data)) await this.device.write(copy.offset, copy.data);
  }
}

/** The bits of sectors that [from, to) covers entirely. */
function wholeSectorBits(from: number, to: number): number {
  const first = Math.ceil(from / SECTOR);
  const end = Math.floor(to / SECTOR);
  return end <= first ? 0 : ((1 << end) - 1) & ~((1 << first) - 1);
}

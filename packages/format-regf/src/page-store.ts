import { viewOf } from '@vmcraft/core/binary';
import { InternalError, TruncatedImageError } from '@vmcraft/core/errors';
import type { HiveSource } from './source.js';

/** Bytes of a cached page. Every structure field is aligned to its size, so that none crosses a page. */
export const PAGE_SIZE = 65536;
const PAGE_SHIFT = 16;
const PAGE_MASK = PAGE_SIZE - 1;
/** A hive in memory that is only read is one page, up to this size: what `>>>` and `&` of a signed number reach. */
const FLAT_SHIFT = 31;
const FLAT_MASK = 0x7fffffff;
/** Dirty bytes are tracked in units of one bin page, as Windows does. */
const BLOCK_SIZE = 4096;
const BLOCK_SHIFT = 12;
const BLOCKS_PER_PAGE = PAGE_SIZE / BLOCK_SIZE;

/** Thrown through the synchronous code when it needs a page that is not in memory; never leaves this package. */
class PageFault {
  constructor(readonly page: number) {}
}

interface Page {
  bytes: Uint8Array;
  view: DataView;
  /** Bit i: block i of the page differs from the source. */
  dirty: number;
  /** Whether `bytes` is ours to change. */
  owned: boolean;
  /** Set once the page was ever changed: such pages stay in memory. */
  kept: boolean;
}

/** The bytes of one block before its first change, and whether the block was dirty then. */
interface SavedBlock {
  readonly page: Page;
  readonly block: number;
  readonly bytes: Uint8Array;
  readonly wasDirty: boolean;
}

/** What it takes to go back to an earlier moment. */
class Savepoint {
  readonly blocks = new Map<number, SavedBlock>();
  /** State kept beside the pages, in the order it was changed. */
  readonly undo: (() => void)[] = [];

  constructor(readonly size: number) {}

  /** What came after this moment and is now kept. */
  absorb(later: Savepoint): void {
    for (const [index, saved] of later.blocks) if (!this.blocks.has(index)) this.blocks.set(index, saved);
  }

  restore(): void {
    for (const { page, block, bytes, wasDirty } of this.blocks.values()) {
      page.bytes.set(bytes, block * BLOCK_SIZE);
      if (!wasDirty) page.dirty &= ~(1 << block);
    }
    for (let i = this.undo.length - 1; i >= 0; i--) this.undo[i]!();
  }
}

/**
 * The bytes of a hive as pages in memory, loaded when needed and changed only here. All structure code is synchronous and runs within
 * {@link run} or {@link mutate}: when a page is missing the code stops, the page is loaded, and the code starts again.
 */
export class PageStore {
  readonly #source: HiveSource;
  readonly #pages: (Page | undefined)[] = [];
  readonly #maxClean: number;
  /** Of an offset: above are the bits of its page's number, below those of its place in the page. */
  readonly #shift: number;
  readonly #mask: number;
  #clean = 0;
  #active = 0;
  #size: number;
  #mutation: Savepoint | undefined;
  #transaction: Savepoint | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  /** Counts changes: what was read at the same count is still so. */
  generation = 0;

  /**
   * @param cacheBytes how much of the unchanged hive to keep in memory, in bytes
   * @param readOnly nothing will be changed, so that a source that is in memory needs no pages
   */
  constructor(source: HiveSource, cacheBytes: number, readOnly = false) {
    this.#source = source;
    this.#size = source.size;
    this.#maxClean = Math.max(4, Math.ceil(cacheBytes / PAGE_SIZE));
    const whole = readOnly && source.size <= FLAT_MASK ? source.peek?.(0, source.size) : undefined;
    this.#shift = whole === undefined ? PAGE_SHIFT : FLAT_SHIFT;
    this.#mask = whole === undefined ? PAGE_MASK : FLAT_MASK;
    if (whole !== undefined) this.#pages[0] = { bytes: whole, view: viewOf(whole), dirty: 0, owned: false, kept: true };
  }

  /** Bytes, including what was added since the last commit. */
  get size(): number {
    return this.#size;
  }

  /** Take bytes after `size` for no part of the hive; for the time of opening. */
  limit(size: number): void {
    this.#size = Math.min(size, this.#size);
  }

  /** Whether a {@link transaction} is open. */
  get inTransaction(): boolean {
    return this.#transaction !== undefined;
  }

  /** Run synchronous reading code, loading pages as it asks for them. */
  async run<T>(work: () => T): Promise<T> {
    if (this.#active === 0 && this.#clean > this.#maxClean) this.#evict();
    this.#active++;
    try {
      for (;;) {
        try {
          return work();
        } catch (thrown) {
          if (!(thrown instanceof PageFault)) throw thrown;
          await this.#load(thrown.page);
        }
      }
    } finally {
      this.#active--;
    }
  }

  /** Run reading code only if everything it needs is in memory; else undefined. */
  peek<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (thrown) {
      if (thrown instanceof PageFault) return undefined;
      throw thrown;
    }
  }

  /** Run changing code; it happens wholly or, when it throws, not at all. */
  mutate<T>(work: () => T): Promise<T> {
    return this.#exclusive(() => this.run(() => this.#attempt(work)));
  }

  /**
   * Several mutations that happen wholly or not at all.
   * @throws whatever `work` throws, after everything is as it was before
   */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.#transaction !== undefined) return work();
    const before = new Savepoint(this.#size);
    this.#transaction = before;
    try {
      return await work();
    } catch (thrown) {
      this.#goBack(before);
      throw thrown;
    } finally {
      this.#transaction = undefined;
    }
  }

  /** Let `undo` be called should the current mutation fail: for state kept beside the pages. */
  onUndo(undo: () => void): void {
    this.#mutation?.undo.push(undo);
  }

  /** Let `undo` be called should the current transaction fail. */
  onRollback(undo: () => void): void {
    this.#transaction?.undo.push(undo);
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work, work);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  #attempt<T>(work: () => T): T {
    const before = new Savepoint(this.#size);
    this.generation++;
    this.#mutation = before;
    try {
      const result = work();
      this.#transaction?.absorb(before);
      return result;
    } catch (thrown) {
      this.#goBack(before);
      throw thrown;
    } finally {
      this.#mutation = undefined;
    }
  }

  #goBack(before: Savepoint): void {
    this.generation++;
    before.restore();
    this.#size = before.size;
  }

  #evict(): void {
    for (let i = 0; i < this.#pages.length && this.#clean > this.#maxClean >> 1; i++) {
      const page = this.#pages[i];
      if (page === undefined || page.kept) continue;
      this.#pages[i] = undefined;
      this.#clean--;
    }
  }

  async #load(index: number): Promise<void> {
    if (this.#pages[index] !== undefined) return;
    const start = index * PAGE_SIZE;
    const data = await this.#source.read(start, Math.min(PAGE_SIZE, this.#source.size - start));
    if (this.#pages[index] === undefined) this.#add(index, data);
  }

  #add(index: number, data: Uint8Array): Page {
    const length = Math.min(PAGE_SIZE, this.#size - index * PAGE_SIZE);
    let [bytes, owned] = [data.subarray(0, length), false];
    if (bytes.length < length) {
      bytes = new Uint8Array(PAGE_SIZE);
      bytes.set(data);
      owned = true;
    }
    const page: Page = { bytes, view: viewOf(bytes), dirty: 0, owned, kept: false };
    this.#pages[index] = page;
    this.#clean++;
    return page;
  }

  /** The page that holds `offset`, of which `length` more bytes are wanted. */
  #page(offset: number, length: number): Page {
    if (offset < 0 || offset + length > this.#size) {
      const available = Math.max(0, this.#size - offset);
      throw new TruncatedImageError({ structure: 'hive', offset, needed: length, available });
    }
    return this.#pages[offset >>> this.#shift] ?? this.#miss(offset >>> this.#shift);
  }

  #miss(index: number): Page {
    const start = index * PAGE_SIZE;
    const length = Math.min(PAGE_SIZE, this.#source.size - start);
    if (length <= 0) return this.#add(index, new Uint8Array(0));
    const data = this.#source.peek?.(start, length);
    if (data === undefined) throw new PageFault(index);
    return this.#add(index, data);
  }

  u8(offset: number): number {
    return this.#page(offset, 1).bytes[offset & this.#mask]!;
  }

  u16(offset: number): number {
    return this.#page(offset, 2).view.getUint16(offset & this.#mask, true);
  }

  u32(offset: number): number {
    return this.#page(offset, 4).view.getUint32(offset & this.#mask, true);
  }

  i32(offset: number): number {
    return this.#page(offset, 4).view.getInt32(offset & this.#mask, true);
  }

  /** Whether bytes lie in one page. */
  isInOnePage(offset: number, length: number): boolean {
    return (offset & this.#mask) + length <= this.#mask + 1;
  }

  /** All bytes of the page that holds [offset, offset + length), which lies in one page; see {@link placeOf}. */
  pageBytes(offset: number, length: number): Uint8Array {
    return this.#page(offset, length).bytes;
  }

  /** As {@link pageBytes}, for numbers. */
  pageView(offset: number, length: number): DataView {
    return this.#page(offset, length).view;
  }

  /** Where `offset` is within {@link pageBytes}. */
  placeOf(offset: number): number {
    return offset & this.#mask;
  }

  /** A view where the bytes lie in one page, else a copy; not to be kept over a change, nor changed. */
  bytes(offset: number, length: number): Uint8Array {
    const from = offset & this.#mask;
    const page = this.#page(offset, length);
    if (this.isInOnePage(offset, length)) return page.bytes.subarray(from, from + length);
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = (offset + done) & PAGE_MASK;
      const part = Math.min(length - done, PAGE_SIZE - at);
      out.set(this.#page(offset + done, part).bytes.subarray(at, at + part), done);
      done += part;
    }
    return out;
  }

  setU16(offset: number, value: number): void {
    this.#touch(offset, 2).view.setUint16(offset & PAGE_MASK, value, true);
  }

  setU32(offset: number, value: number): void {
    this.#touch(offset, 4).view.setUint32(offset & PAGE_MASK, value, true);
  }

  /** Change bytes. Only within {@link mutate}. */
  setBytes(offset: number, data: Uint8Array): void {
    for (let done = 0; done < data.length; ) {
      const at = (offset + done) & PAGE_MASK;
      const part = Math.min(data.length - done, PAGE_SIZE - at);
      this.#touch(offset + done, part).bytes.set(data.subarray(done, done + part), at);
      done += part;
    }
  }

  /** The page of a span that is about to be changed; its blocks are saved first. */
  #touch(offset: number, length: number): Page {
    const saved = this.#mutation;
    if (saved === undefined || this.#mask !== PAGE_MASK)
      throw new InternalError('a hive page is changed outside of a mutation');
    const page = this.#page(offset, length);
    if (!page.owned) own(page);
    if (!page.kept) {
      page.kept = true;
      this.#clean--;
    }
    const first = (offset & PAGE_MASK) >>> BLOCK_SHIFT;
    const last = ((offset & PAGE_MASK) + length - 1) >>> BLOCK_SHIFT;
    for (let block = first; block <= last; block++) {
      const index = (offset >>> PAGE_SHIFT) * BLOCKS_PER_PAGE + block;
      if (saved.blocks.has(index)) continue;
      const bytes = page.bytes.slice(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE);
      saved.blocks.set(index, { page, block, bytes, wasDirty: (page.dirty & (1 << block)) !== 0 });
      page.dirty |= 1 << block;
    }
    return page;
  }

  /** Set the size in bytes; new bytes are zeros. Only within {@link mutate}. */
  resize(size: number): void {
    const before = this.#size;
    if (size < before) throw new InternalError('a hive does not shrink');
    // A last page shorter than its full length is made whole, as its bytes are looked up by page alone.
    const page = this.#pages[before >>> PAGE_SHIFT];
    if (page !== undefined && page.bytes.length < PAGE_SIZE) own(page);
    this.#size = size;
  }

  /** Everything changed since the last {@link clean}, in order, in runs of whole blocks. */
  *dirtyRuns(): Generator<{ offset: number; data: Uint8Array }> {
    for (const [index, page] of this.#pages.entries()) {
      if (page === undefined || page.dirty === 0) continue;
      for (let block = 0; block < BLOCKS_PER_PAGE; block++) {
        if ((page.dirty & (1 << block)) === 0) continue;
        let end = block + 1;
        while (end < BLOCKS_PER_PAGE && (page.dirty & (1 << end)) !== 0) end++;
        const offset = index * PAGE_SIZE + block * BLOCK_SIZE;
        const length = Math.min((end - block) * BLOCK_SIZE, this.#size - offset);
        yield { offset, data: page.bytes.subarray(block * BLOCK_SIZE, block * BLOCK_SIZE + length) };
        block = end;
      }
    }
  }

  /** Whether anything was changed since the last {@link clean}. */
  get isDirty(): boolean {
    return this.#pages.some((page) => page !== undefined && page.dirty !== 0);
  }

  /** Everything changed is now in the source. */
  clean(): void {
    for (const page of this.#pages) if (page !== undefined) page.dirty = 0;
  }
}

function own(page: Page): void {
  const bytes = new Uint8Array(PAGE_SIZE);
  bytes.set(page.bytes);
  page.bytes = bytes;
  page.view = viewOf(bytes);
  page.owned = true;
}

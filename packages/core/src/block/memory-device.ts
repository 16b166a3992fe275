import { alignDown } from '../binary/index.js';
import type { BlockDevice, BlockExtent, Discardable, Peekable, Resizable, SparseMap } from '../contracts/index.js';
import { LimitExceededError } from '../errors/index.js';
import { checkSpan, requireWritable } from './span.js';

/** Bytes a page of memory holds. */
const PAGE = 65536;

/** How to make a {@link MemoryDevice}. */
export interface MemoryDeviceOptions {
  /** Bytes; 512 unless given. */
  readonly sectorSize?: 512 | 4096;
  /** True unless given. */
  readonly writable?: boolean;
  /** Most bytes of memory that writes may take; 1 GiB unless given. */
  readonly maxBytes?: number;
}

/** A device in memory. Pages are made when first written, so a large empty one costs nothing. Results of `read` are copies. */
export class MemoryDevice implements BlockDevice, Discardable, SparseMap, Resizable, Peekable {
  readonly sectorSize: 512 | 4096;
  readonly writable: boolean;
  readonly #pages = new Map<number, Uint8Array>();
  readonly #maxPages: number;
  #size: number;

  /** @param size bytes */
  constructor(size: number, options: MemoryDeviceOptions = {}) {
    checkSpan('memory device', Number.MAX_SAFE_INTEGER, 0, size);
    this.#size = size;
    this.sectorSize = options.sectorSize ?? 512;
    this.writable = options.writable ?? true;
    this.#maxPages = Math.ceil((options.maxBytes ?? 1024 ** 3) / PAGE);
  }

  /** A device holding a copy of `data`. */
  static from(data: Uint8Array, options: MemoryDeviceOptions = {}): MemoryDevice {
    const device = new MemoryDevice(data.length, { maxBytes: Math.max(data.length * 2, 1024 ** 3), ...options });
    device.#store(0, data);
    return device;
  }

  get size(): number {
    return this.#size;
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.#size)) return undefined;
    return this.#copy(offset, length);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkSpan('memory device', this.#size, offset, length);
    return this.#copy(offset, length);
  }

  #copy(offset: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let at = offset; at < offset + length; ) {
      const within = at % PAGE;
      const run = Math.min(PAGE - within, offset + length - at);
      const page = this.#pages.get((at - within) / PAGE);
      if (page !== undefined) out.set(page.subarray(within, within + run), at - offset);
      at += run;
    }
    return out;
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    requireWritable(this, 'memory device');
    checkSpan('memory device', this.#size, offset, data.length);
    this.#store(offset, data);
  }

  #store(offset: number, data: Uint8Array): void {
    for (let done = 0; done < data.length; ) {
      const within = (offset + done) % PAGE;
      const run = Math.min(PAGE - within, data.length - done);
      this.#pageFor((offset + done - within) / PAGE).set(data.subarray(done, done + run), within);
      done += run;
    }
  }

  #pageFor(index: number): Uint8Array {
    let page = this.#pages.get(index);
    if (page === undefined) {
      if (this.#pages.size >= this.#maxPages) {
        const details = { limit: 'memory of a memory device', value: (this.#pages.size + 1) * PAGE };
        throw new LimitExceededError({ ...details, max: this.#maxPages * PAGE, option: 'maxBytes' });
      }
      page = new Uint8Array(PAGE);
      this.#pages.set(index, page);
    }
    return page;
  }

  async discard(offset: number, length: number): Promise<void> {
    requireWritable(this, 'memory device');
    checkSpan('memory device', this.#size, offset, length);
    this.#clear(offset, offset + length);
  }

  #clear(start: number, end: number): void {
    for (const [index, page] of this.#pages) {
      const from = Math.max(0, start - index * PAGE);
      const to = Math.min(PAGE, end - index * PAGE);
      if (from === 0 && to === PAGE) this.#pages.delete(index);
      else if (from < to) page.fill(0, from, to);
    }
  }

  async *extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    checkSpan('memory device', this.#size, offset, length);
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const data = this.#pages.has(alignDown(at, PAGE) / PAGE);
      let stop = alignDown(at, PAGE) + PAGE;
      while (stop < end && this.#pages.has(stop / PAGE) === data) stop += PAGE;
      stop = Math.min(stop, end);
      yield { offset: at, length: stop - at, kind: data ? 'data' : 'hole' };
      at = stop;
    }
  }

  async resize(size: number): Promise<void> {
    requireWritable(this, 'memory device');
    checkSpan('memory device', Number.MAX_SAFE_INTEGER, 0, size);
    if (size < this.#size) this.#clear(size, alignDown(this.#size, PAGE) + PAGE);
    this.#size = size;
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}

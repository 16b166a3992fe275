import { viewOf } from '@vmcraft/core/binary';
import type { IoOptions } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { ChunkFormat } from './wof.js';

/** Bytes that can be read at any place: a stream of a file. */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  /** Exactly `length` bytes; the span lies within `size`. */
  read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array>;
}

/** Offsets have 8 bytes for files above this size. WIM format, "chunk table". */
const MAX_SHORT_SIZE = 0xffffffff;
/** Entries of the chunk table that are read together. */
const TABLE_WINDOW = 1024;
/** Compressed bytes that are read together, unless one chunk has more. */
const READ_BYTES = 1 << 20;

/**
 * Reads a file that is kept as a table of offsets and independently compressed chunks, as WOF and WIM do.
 * A chunk that did not get smaller is stored as it is.
 */
export class ChunkedReader {
  private readonly chunks: number;
  private readonly entrySize: 4 | 8;
  private readonly dataStart: number;
  /** The part of the table last used: offsets of chunks from `tableFirst` on. */
  private table: Float64Array = new Float64Array(0);
  private tableFirst = 0;
  /** The chunk last expanded, for reads that are smaller than it. */
  private cached = -1;
  private readonly cache: Uint8Array;

  /**
   * @param size bytes of the plain file
   * @throws CorruptImageError when the stream is too short for its table
   */
  constructor(
    private readonly stream: ByteSource,
    private readonly format: ChunkFormat,
    readonly size: number,
  ) {
    this.chunks = Math.ceil(size / format.chunkSize);
    this.entrySize = size > MAX_SHORT_SIZE ? 8 : 4;
    this.dataStart = Math.max(0, this.chunks - 1) * this.entrySize;
    this.cache = new Uint8Array(Math.min(format.chunkSize, size));
    if (this.dataStart > stream.size) throw this.broken('the stream is shorter than its table of chunks');
  }

  /** Up to `length` bytes at `offset`; fewer only at the end. @throws CorruptImageError */
  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    if (end <= offset) return new Uint8Array(0);
    const { chunkSize } = this.format;
    const out = new Uint8Array(end - offset);
    const last = Math.floor((end - 1) / chunkSize);
    for (let chunk = Math.floor(offset / chunkSize); chunk <= last; ) {
      const run = chunk === this.cached ? undefined : await this.readRun(chunk, last, options);
      const after = run?.after ?? chunk + 1;
      for (; chunk < after; chunk++) {
        const start = chunk * chunkSize;
        const whole = start >= offset && start + this.plainSize(chunk) <= end;
        const place = whole ? out.subarray(start - offset, start - offset + this.plainSize(chunk)) : this.cache;
        if (run !== undefined) this.expand(chunk, run.stored(chunk), place);
        if (place === this.cache || run === undefined) this.copyCached(chunk, out, offset, end);
      }
    }
    return out;
  }

  private plainSize(chunk: number): number {
    return Math.min(this.format.chunkSize, this.size - chunk * this.format.chunkSize);
  }

  private expand(chunk: number, stored: Uint8Array, place: Uint8Array): void {
    const size = this.plainSize(chunk);
    if (place === this.cache) this.cached = -1;
    const target = place.length === size ? place : place.subarray(0, size);
    if (stored.length === size) target.set(stored);
    else this.format.decompress(stored, target);
    if (place === this.cache) this.cached = chunk;
  }

  private copyCached(chunk: number, out: Uint8Array, offset: number, end: number): void {
    const start = chunk * this.format.chunkSize;
    const from = Math.max(offset, start);
    const to = Math.min(end, start + this.plainSize(chunk));
    out.set(this.cache.subarray(from - start, to - start), from - offset);
  }

  /** Compressed bytes of `chunk` and those behind it, as many as are worth one read. */
  private async readRun(
    chunk: number,
    last: number,
    options?: IoOptions,
  ): Promise<{ after: number; stored(chunk: number): Uint8Array }> {
    await this.loadTable(chunk, options);
    const { table, tableFirst } = this;
    const offsetOf = (index: number): number => table[index - tableFirst] as number;
    const limit = Math.min(last, tableFirst + table.length - 2);
    let after = chunk;
    do {
      const size = offsetOf(after + 1) - offsetOf(after);
      if (size <= 0 || size > this.plainSize(after)) throw this.broken(`chunk ${after} has ${size} bytes`);
      after++;
    } while (after <= limit && offsetOf(after + 1) - offsetOf(chunk) <= READ_BYTES);
    const base = offsetOf(chunk);
    const end = offsetOf(after);
    if (this.dataStart + end > this.stream.size) throw this.broken('a chunk ends past the stream');
    const bytes = await this.stream.read(this.dataStart + base, end - base, options);
    return { after, stored: (index) => bytes.subarray(offsetOf(index) - base, offsetOf(index + 1) - base) };
  }

  /** Have the offsets of `chunk` and the one behind it. */
  private async loadTable(chunk: number, options?: IoOptions): Promise<void> {
    if (chunk >= this.tableFirst && chunk + 1 < this.tableFirst + this.table.length) return;
    const first = chunk;
    const end = Math.min(first + TABLE_WINDOW, this.chunks + 1);
    const offsets = new Float64Array(end - first);
    // The first chunk has no entry, as it begins right behind the table; nor has the end of the last.
    const from = Math.max(first, 1);
    const to = Math.min(end, this.chunks);
    if (to > from) {
      const bytes = await this.stream.read((from - 1) * this.entrySize, (to - from) * this.entrySize, options);
      const view = viewOf(bytes);
      for (let i = from; i < to; i++) {
        const at = (i - from) * this.entrySize;
        offsets[i - first] = this.entrySize === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
      }
    }
    if (end > this.chunks) offsets[this.chunks - first] = this.stream.size - this.dataStart;
    this.table = offsets;
    this.tableFirst = first;
  }

  private broken(reason: string): CorruptImageError {
    return new CorruptImageError({ structure: `${this.format.name} chunk table`, reason });
  }
}

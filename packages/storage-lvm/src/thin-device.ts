import { checkSpan } from '@vmcraft/core/block';
import {
  type BlockDevice,
  type BlockExtent,
  type IoOptions,
  isPeekable,
  type Peekable,
  type SparseMap,
} from '@vmcraft/core/contracts';
import { CapabilityError } from '@vmcraft/core/errors';
import type { ChunkWrite, ThinPool } from './thin-pool.js';

/** A thin volume. What was never written reads as zeros, or as the external origin. */
export class ThinDevice implements BlockDevice, Peekable {
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly extents?: SparseMap['extents'];
  readonly #name: string;

  constructor(
    private readonly pool: ThinPool,
    private readonly id: number,
    readonly size: number,
    name: string,
    private readonly origin?: BlockDevice,
  ) {
    this.#name = name;
    this.sectorSize = pool.sectorSize;
    this.writable = pool.writable;
    if (origin === undefined) this.extents = (offset, length) => this.#extents(offset, length);
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    checkSpan(this.#name, this.size, offset, length);
    const { chunkSize } = this.pool;
    if (length > 0 && (offset % chunkSize) + length <= chunkSize) return this.#readPiece(offset, length, options);
    const out = new Uint8Array(length);
    const pieces: Promise<void>[] = [];
    for (let done = 0; done < length; ) {
      const at = done;
      const run = Math.min(chunkSize - ((offset + at) % chunkSize), length - at);
      pieces.push(this.#readPiece(offset + at, run, options).then((data) => out.set(data, at)));
      done += run;
    }
    await Promise.all(pieces);
    return out;
  }

  async #readPiece(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const { chunkSize } = this.pool;
    const within = offset % chunkSize;
    const chunk = (offset - within) / chunkSize;
    const known = this.pool.peek(this.id, chunk);
    const mapping = known === null ? await this.pool.find(this.id, chunk) : known;
    if (mapping !== undefined) return this.pool.readBlock(mapping.block, within, length, options);
    return (await this.#fromOrigin(offset, length, options)) ?? new Uint8Array(length);
  }

  /** Bytes of the external origin; zeros behind its end. */
  async #fromOrigin(offset: number, length: number, options?: IoOptions): Promise<Uint8Array | undefined> {
    if (this.origin === undefined || offset >= this.origin.size) return undefined;
    const there = Math.min(length, this.origin.size - offset);
    const data = await this.origin.read(offset, there, options);
    if (there === length) return data;
    const out = new Uint8Array(length);
    out.set(data);
    return out;
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    const { chunkSize, dataDevice } = this.pool;
    const within = offset % chunkSize;
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size) || within + length > chunkSize) return undefined;
    if (!isPeekable(dataDevice)) return undefined;
    const mapping = this.pool.peek(this.id, (offset - within) / chunkSize);
    if (mapping === null) return undefined;
    if (mapping !== undefined) return dataDevice.peek(this.pool.placeOf(mapping.block) + within, length);
    return this.origin === undefined ? new Uint8Array(length) : undefined;
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    if (!this.writable) throw CapabilityError.readOnly(this.#name, this.pool.readOnlyReason);
    checkSpan(this.#name, this.size, offset, data.length);
    const { chunkSize } = this.pool;
    const writes: ChunkWrite[] = [];
    for (let done = 0; done < data.length; ) {
      const within = (offset + done) % chunkSize;
      const start = offset + done - within;
      const part = data.subarray(done, done + chunkSize - within);
      const origin = (at: number, length: number) => this.#fromOrigin(start + at, length, options);
      writes.push({ id: this.id, chunk: start / chunkSize, within, data: part, origin });
      done += part.length;
    }
    await this.pool.write(writes, options);
  }

  async flush(): Promise<void> {
    if (this.writable) await this.pool.dataDevice.flush();
  }

  async close(): Promise<void> {}

  async *#extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    checkSpan(this.#name, this.size, offset, length);
    const { chunkSize } = this.pool;
    const end = offset + length;
    let at = offset;
    for (let next = Math.floor(offset / chunkSize); next * chunkSize < end; ) {
      const chunks = await this.pool.mapped(this.id, next);
      if (chunks.length === 0) break;
      for (const chunk of chunks) {
        const start = Math.max(at, chunk * chunkSize);
        const stop = Math.min(end, (chunk + 1) * chunkSize);
        if (start >= end) break;
        if (start > at) yield { offset: at, length: start - at, kind: 'hole' };
        yield { offset: start, length: stop - start, kind: 'data' };
        at = stop;
      }
      next = chunks.at(-1)! + 1;
    }
    if (at < end) yield { offset: at, length: end - at, kind: 'hole' };
  }
}

import {
  type BlockDevice,
  type BlockExtent,
  type Discardable,
  hasSparseMap,
  type IoOptions,
  isDiscardable,
  isPeekable,
  type Peekable,
  type SparseMap,
} from '../../contracts/index.js';
import { CapabilityError } from '../../errors/index.js';
import { checkSpan, throwIfAborted } from '../span.js';

/** Parts one behind the other: a linear array, a volume of several segments. Has the roles that all of its parts have. */
export class ConcatDevice implements BlockDevice, Peekable {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly discard?: Discardable['discard'];
  readonly extents?: SparseMap['extents'];
  readonly #parts: readonly BlockDevice[];
  /** Offset of each part, and at the end the size. */
  readonly #starts: Float64Array;
  readonly #name: string;

  constructor(parts: readonly BlockDevice[], options: { readonly name?: string; readonly writable?: boolean } = {}) {
    this.#name = options.name ?? 'parts';
    this.#parts = parts;
    this.#starts = new Float64Array(parts.length + 1);
    for (const [i, part] of parts.entries()) this.#starts[i + 1] = this.#starts[i]! + part.size;
    this.size = this.#starts[parts.length]!;
    this.sectorSize = parts.reduce((size, p) => Math.max(size, p.sectorSize), 512);
    this.writable = options.writable !== false && parts.every((p) => p.writable);
    if (parts.every(isDiscardable)) this.discard = (offset, length, o) => this.#discard(offset, length, o);
    if (parts.every(hasSparseMap)) this.extents = (offset, length, o) => this.#extents(offset, length, o);
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    checkSpan(this.#name, this.size, offset, length);
    const first = this.#indexOf(offset);
    const start = this.#starts[first]!;
    if (length === 0) return new Uint8Array(0);
    if (offset + length <= this.#starts[first + 1]!) {
      return this.#parts[first]!.read(offset - start, length, options);
    }
    const out = new Uint8Array(length);
    for (const { part, at, run, done } of this.#pieces(offset, length)) {
      throwIfAborted(options?.signal, 'read');
      out.set(await part.read(at, run, options), done);
    }
    return out;
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) return undefined;
    const index = this.#indexOf(offset);
    const part = this.#parts[index];
    if (part === undefined || offset + length > this.#starts[index + 1]! || !isPeekable(part)) return undefined;
    return part.peek(offset - this.#starts[index]!, length);
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    if (!this.writable) throw CapabilityError.readOnly(this.#name);
    checkSpan(this.#name, this.size, offset, data.length);
    for (const { part, at, run, done } of this.#pieces(offset, data.length)) {
      await part.write(at, data.subarray(done, done + run), options);
    }
  }

  async flush(): Promise<void> {
    for (const part of this.#parts) if (part.writable) await part.flush();
  }

  async close(): Promise<void> {}

  /** The part that a byte lies in; the last one for the byte behind the end. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#parts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  *#pieces(offset: number, length: number): Generator<Piece> {
    let done = 0;
    for (let i = this.#indexOf(offset); done < length; i++) {
      const at = offset + done - this.#starts[i]!;
      const run = Math.min(this.#parts[i]!.size - at, length - done);
      if (run > 0) yield { part: this.#parts[i]!, at, run, done };
      done += run;
    }
  }

  async #discard(offset: number, length: number, options?: IoOptions): Promise<void> {
    if (!this.writable) throw CapabilityError.readOnly(this.#name);
    checkSpan(this.#name, this.size, offset, length);
    for (const { part, at, run } of this.#pieces(offset, length)) {
      await (part as BlockDevice & Discardable).discard(at, run, options);
    }
  }

  async *#extents(offset: number, length: number, options?: IoOptions): AsyncGenerator<BlockExtent> {
    checkSpan(this.#name, this.size, offset, length);
    for (const { part, at, run, done } of this.#pieces(offset, length)) {
      for await (const extent of (part as BlockDevice & SparseMap).extents(at, run, options)) {
        yield { ...extent, offset: offset + done + extent.offset - at };
      }
    }
  }
}

interface Piece {
  readonly part: BlockDevice;
  /** Offset within the part, and bytes there. */
  readonly at: number;
  readonly run: number;
  /** Bytes of the request before it. */
  readonly done: number;
}

import {
  type BlockDevice,
  type BlockExtent,
  type Discardable,
  hasHostPath,
  hasSparseMap,
  type IoOptions,
  isDiscardable,
  isPeekable,
  type Peekable,
  type SparseMap,
} from '../contracts/index.js';
import { CapabilityError } from '../errors/index.js';
import { checkSpan } from './span.js';

/** How to make a {@link SliceDevice}. */
export interface SliceOptions {
  /** What the window is, for errors: `partition 2`. */
  readonly name?: string;
  /** Narrow to reading; a window is never more writable than its parent. */
  readonly writable?: boolean;
}

/**
 * A window of another device: a partition, a region. It has each of the roles discard, extents, peek and hostPath that its parent has.
 * Closing it leaves the parent open.
 */
export class SliceDevice implements BlockDevice {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly discard?: Discardable['discard'];
  readonly extents?: SparseMap['extents'];
  readonly peek?: Peekable['peek'];
  readonly hostPath?: string;
  readonly hostOffset?: number;
  readonly #parent: BlockDevice;
  readonly #start: number;
  readonly #name: string;

  /**
   * @param start offset of the window on its parent, bytes
   * @param length bytes
   * @throws TruncatedImageError when the window ends past its parent
   */
  constructor(parent: BlockDevice, start: number, length: number, options: SliceOptions = {}) {
    this.#name = options.name ?? 'slice';
    checkSpan(this.#name, parent.size, start, length);
    this.#parent = parent;
    this.#start = start;
    this.size = length;
    this.sectorSize = parent.sectorSize;
    this.writable = parent.writable && options.writable !== false;
    if (isPeekable(parent)) {
      this.peek = (at, n) => (at >= 0 && n >= 0 && at + n <= length ? parent.peek(start + at, n) : undefined);
    }
    if (isDiscardable(parent)) this.discard = (at, n, o) => parent.discard(this.#place(at, n, true), n, o);
    if (hasSparseMap(parent)) this.extents = (at, n, o) => this.#extents(parent, at, n, o);
    if (hasHostPath(parent)) {
      this.hostPath = parent.hostPath;
      this.hostOffset = parent.hostOffset + start;
    }
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    return this.#parent.read(this.#place(offset, length, false), length, options);
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    return this.#parent.write(this.#place(offset, data.length, true), data, options);
  }

  flush(): Promise<void> {
    return this.#parent.flush();
  }

  async close(): Promise<void> {}

  #place(offset: number, length: number, change: boolean): number {
    if (change && !this.writable) throw CapabilityError.readOnly(this.#name);
    checkSpan(this.#name, this.size, offset, length);
    return this.#start + offset;
  }

  async *#extents(parent: SparseMap, at: number, n: number, options?: IoOptions): AsyncGenerator<BlockExtent> {
    for await (const run of parent.extents(this.#place(at, n, false), n, options)) {
      yield { ...run, offset: run.offset - this.#start };
    }
  }
}

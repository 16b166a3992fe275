import type { IoOptions } from './io.js';

/** A disk, a partition or a volume: a span of bytes. All offsets and lengths are bytes. */
export interface BlockDevice {
  /** Bytes; a safe integer. */
  readonly size: number;
  /** Logical sector size in bytes: 512 or 4096. Reads and writes need no alignment. */
  readonly sectorSize: number;
  readonly writable: boolean;
  /**
   * Exactly `length` bytes. The result may be a view into a cache: callers must not change it.
   * @throws TruncatedImageError when the span ends past `size`
   * @throws CorruptImageError, UnsupportedFeatureError, HostError from the layer below
   */
  read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array>;
  /**
   * Write all of `data`. The caller may reuse `data` when the promise settles.
   * @throws CapabilityError (`VMC_READ_ONLY`) when not writable
   */
  write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void>;
  /** Hand everything written so far to the layer below. With a transaction this is not yet a commit. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Role: can give up ranges. After `discard` they read as zeros. */
export interface Discardable {
  discard(offset: number, length: number, options?: IoOptions): Promise<void>;
}

/** One run of a device: `data` has stored bytes, `zero` is known to read as zeros, `hole` is unallocated and reads as zeros. */
export interface BlockExtent {
  readonly offset: number;
  readonly length: number;
  readonly kind: 'data' | 'zero' | 'hole';
}

/** Role: knows which ranges hold data, so that copying can skip the rest. */
export interface SparseMap {
  /** Runs covering [offset, offset + length) in order, without gaps. */
  extents(offset: number, length: number, options?: IoOptions): AsyncIterable<BlockExtent>;
}

/** Role: can change its size, in bytes. */
export interface Resizable {
  resize(size: number): Promise<void>;
}

/** Role: lies in a plain host file at an offset, so a host tool could use it directly. */
export interface HostPath {
  readonly hostPath: string;
  readonly hostOffset: number;
}

/** Role: may answer without waiting when the bytes are cached. */
export interface Peekable {
  /** The bytes if all are in the cache at once, else undefined. Same rules as `read`. */
  peek(offset: number, length: number): Uint8Array | undefined;
}

const has = (value: object, method: string): boolean =>
  typeof (value as Record<string, unknown>)[method] === 'function';

/** Type guard for {@link Discardable}. */
export function isDiscardable(device: BlockDevice): device is BlockDevice & Discardable {
  return has(device, 'discard');
}

/** Type guard for {@link SparseMap}. */
export function hasSparseMap(device: BlockDevice): device is BlockDevice & SparseMap {
  return has(device, 'extents');
}

/** Type guard for {@link Resizable}. */
export function isResizable(device: BlockDevice): device is BlockDevice & Resizable {
  return has(device, 'resize');
}

/** Type guard for {@link HostPath}. */
export function hasHostPath(device: BlockDevice): device is BlockDevice & HostPath {
  return typeof (device as Partial<HostPath>).hostPath === 'string';
}

/** Type guard for {@link Peekable}. */
export function isPeekable(device: BlockDevice): device is BlockDevice & Peekable {
  return has(device, 'peek');
}

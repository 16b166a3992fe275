import {
  AbortedError,
  type BlockDevice,
  type BlockExtent,
  CapabilityError,
  type Discardable,
  InternalError,
  type IoOptions,
  type Resizable,
  type SparseMap,
  TruncatedImageError,
} from '@vmcraft/core';
import type { DiskImage } from './run.js';
import { imageExtents, readImage } from './run-reader.js';
import { SharedLock } from './shared-lock.js';
import type { WritableImage } from './writable-image.js';

/** A disk image as a read-only block device. */
export class ImageDevice implements BlockDevice, SparseMap {
  readonly writable: boolean = false;
  readonly sectorSize: 512 | 4096;
  /** Role `HostPath`: set when the host file alone holds what reads return. */
  readonly hostPath?: string;
  readonly hostOffset?: number;
  readonly #image: DiskImage;
  #closed = false;

  /** @param sectorSize overrides what the image says, bytes */
  constructor(image: DiskImage, sectorSize?: 512 | 4096) {
    this.#image = image;
    this.sectorSize = sectorSize ?? image.sectorSize;
    if (image.plainPath !== undefined) {
      this.hostPath = image.plainPath;
      this.hostOffset = 0;
    }
  }

  get size(): number {
    return this.#image.size;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    this.check('read', offset, length, options);
    return readImage(this.#image, offset, length, options);
  }

  async write(_offset: number, _data: Uint8Array, _options?: IoOptions): Promise<void> {
    throw CapabilityError.readOnly(this.#image.info.format, 'it was opened for reading');
  }

  async *extents(offset: number, length: number, options?: IoOptions): AsyncGenerator<BlockExtent> {
    this.check('extents', offset, length, options);
    yield* imageExtents(this.#image, offset, length, options);
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#image.close();
  }

  protected get closed(): boolean {
    return this.#closed;
  }

  /** Guard of every call. */
  protected check(operation: string, offset: number, length: number, options?: IoOptions): void {
    if (this.#closed) throw new InternalError(`${operation} on a closed device`);
    if (options?.signal?.aborted === true) throw new AbortedError(operation, options.signal.reason);
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
      throw new InternalError(`${operation}: bad span ${offset}+${length}`, { offset, length });
    }
    if (offset + length > this.size) {
      const available = Math.max(0, this.size - offset);
      throw new TruncatedImageError({ structure: 'disk', offset, needed: length, available });
    }
  }
}

/** A disk image as a writable block device: readers run beside each other, writers alone. */
export class WritableImageDevice extends ImageDevice implements Discardable, Resizable {
  override readonly writable: boolean = true;
  readonly #image: WritableImage;
  readonly #lock = new SharedLock();

  constructor(image: WritableImage, sectorSize?: 512 | 4096) {
    super(image, sectorSize);
    this.#image = image;
  }

  override async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    this.check('read', offset, length, options);
    return this.#lock.shared(() => readImage(this.#image, offset, length, options));
  }

  override async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    this.check('write', offset, data.length, options);
    if (data.length > 0) await this.#lock.exclusive(() => this.#image.write(offset, data, options));
  }

  async discard(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.check('discard', offset, length, options);
    if (length > 0) await this.#lock.exclusive(() => this.#image.discard(offset, length, options));
  }

  async resize(size: number): Promise<void> {
    this.check('resize', 0, 0);
    if (!Number.isSafeInteger(size) || size < 0) throw new InternalError(`resize: bad size ${size}`, { size });
    await this.#lock.exclusive(() => this.#image.resize(size));
  }

  override async flush(): Promise<void> {
    this.check('flush', 0, 0);
    await this.#lock.exclusive(() => this.#image.flush());
  }

  /** Metadata held back is written first; on an error the files are closed all the same. */
  override async close(): Promise<void> {
    if (this.closed) return;
    try {
      await this.#lock.exclusive(() => this.#image.flush());
    } finally {
      await super.close();
    }
  }
}

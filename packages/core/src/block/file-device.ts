import type {
  BlockDevice,
  BlockExtent,
  Discardable,
  HostFile,
  IoOptions,
  Resizable,
  SparseMap,
} from '../contracts/index.js';
import { TruncatedImageError } from '../errors/index.js';
import { checkSpan, requireWritable } from './span.js';

/** How to make a {@link FileDevice}. */
export interface FileDeviceOptions {
  /** Bytes; 512 unless given. */
  readonly sectorSize?: 512 | 4096;
  /** Narrow to reading. */
  readonly writable?: boolean;
}

/** A host file as a device, byte for byte: a raw image. Closing it closes the file. */
export class FileDevice implements BlockDevice, SparseMap, Discardable, Resizable {
  readonly sectorSize: 512 | 4096;
  readonly writable: boolean;
  /** Set when the host file alone holds what reads return, so that a host tool may use it. */
  readonly hostPath?: string;
  readonly hostOffset?: number;
  readonly #file: HostFile;

  constructor(file: HostFile, options: FileDeviceOptions = {}) {
    this.#file = file;
    this.sectorSize = options.sectorSize ?? 512;
    this.writable = file.writable && options.writable !== false;
    if (file.direct === true) {
      this.hostPath = file.path;
      this.hostOffset = 0;
    }
  }

  get size(): number {
    return this.#file.size;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    checkSpan(this.#file.path, this.size, offset, length);
    const data = await this.#file.read(offset, length, options);
    if (data.length !== length) {
      const details = { structure: this.#file.path, offset, needed: length, available: data.length };
      throw new TruncatedImageError(details);
    }
    return data;
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    this.#checkChange(offset, data.length);
    return this.#file.write(offset, data, options);
  }

  async discard(offset: number, length: number): Promise<void> {
    this.#checkChange(offset, length);
    return this.#file.punchHole(offset, length);
  }

  async *extents(offset: number, length: number): AsyncGenerator<BlockExtent> {
    checkSpan(this.#file.path, this.size, offset, length);
    yield* this.#file.extents(offset, length);
  }

  async resize(size: number): Promise<void> {
    requireWritable(this, this.#file.path);
    checkSpan(this.#file.path, Number.MAX_SAFE_INTEGER, 0, size);
    return this.#file.truncate(size);
  }

  async flush(): Promise<void> {
    if (this.writable) await this.#file.flush();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #checkChange(offset: number, length: number): void {
    requireWritable(this, this.#file.path);
    checkSpan(this.#file.path, this.size, offset, length);
  }
}

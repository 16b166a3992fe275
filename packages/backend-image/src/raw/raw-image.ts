import { alignUp, type HostFile, type ImageInfo, type IoOptions } from '@vmcraft/core';
import type { Run } from '../run.js';
import type { WritableImage } from '../writable-image.js';

/** Guests see whole sectors; the rest of a last, partial one reads as zeros. */
export const RAW_SECTOR = 512;

/** A raw image: guest bytes are file bytes. Also a block device of the host. */
export class RawImage implements WritableImage {
  readonly info: ImageInfo;
  readonly sectorSize = RAW_SECTOR;
  readonly plainPath?: string;
  #size: number;
  readonly #file: HostFile;

  constructor(file: HostFile) {
    this.#file = file;
    this.#size = alignUp(file.size, RAW_SECTOR);
    if (file.direct === true) this.plainPath = file.path;
    this.info = { format: 'raw', virtualSize: this.#size, details: {} };
  }

  get size(): number {
    return this.#size;
  }

  runAt(offset: number, limit: number): Run {
    return { kind: 'stored', length: limit, file: this.#file, position: offset, paddedUnit: RAW_SECTOR };
  }

  write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    return this.#file.write(offset, data, options);
  }

  async discard(offset: number, length: number): Promise<void> {
    const inFile = Math.min(length, this.#file.size - offset);
    if (inFile > 0) await this.#file.punchHole(offset, inFile);
  }

  async resize(size: number): Promise<void> {
    await this.#file.truncate(size);
    this.#size = alignUp(size, RAW_SECTOR);
  }

  flush(): Promise<void> {
    return this.#file.flush();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

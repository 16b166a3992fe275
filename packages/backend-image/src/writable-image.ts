import type { IoOptions } from '@vmcraft/core';
import type { DiskImage } from './run.js';

/** A disk image opened for writing. Calls are serialised by the device above. */
export interface WritableImage extends DiskImage {
  /** The span lies within `size`. */
  write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void>;
  /** Make a span read as zeros, giving up its space where the format can. */
  discard(offset: number, length: number, options?: IoOptions): Promise<void>;
  /** Change the virtual size, in bytes. */
  resize(size: number): Promise<void>;
  /** Write held-back metadata, then flush the files. */
  flush(): Promise<void>;
}

import { CorruptImageError, type HostFile, type ImageInfo } from '@vmcraft/core';
import type { DiskImage, Run } from '../run.js';
import type { Extent } from './extent.js';

/** A VMDK: extents side by side, over a parent when it is a delta disk. */
export class VmdkImage implements DiskImage {
  readonly info: ImageInfo;
  readonly size: number;
  readonly sectorSize = 512;
  readonly backing?: DiskImage;
  readonly #extents: readonly Extent[];
  /** First guest byte of each extent. */
  readonly #starts: readonly number[];
  readonly #files: readonly HostFile[];

  constructor(info: ImageInfo, extents: readonly Extent[], files: readonly HostFile[], backing?: DiskImage) {
    this.info = info;
    this.size = info.virtualSize;
    this.#extents = extents;
    this.#files = files;
    if (backing !== undefined) this.backing = backing;
    let start = 0;
    this.#starts = extents.map((extent) => {
      const at = start;
      start += extent.size;
      return at;
    });
  }

  runAt(offset: number, limit: number): Run | Promise<Run> {
    const index = this.#indexOf(offset);
    const extent = this.#extents[index];
    if (extent === undefined)
      throw new CorruptImageError({ structure: 'vmdk', reason: `no extent has byte ${offset}` });
    const within = offset - (this.#starts[index] as number);
    const run = extent.runAt(within, Math.min(limit, extent.size - within));
    return run instanceof Promise ? run.then((r) => this.#orHole(r)) : this.#orHole(run);
  }

  async close(): Promise<void> {
    try {
      await this.backing?.close();
    } finally {
      for (const file of this.#files) await file.close();
    }
  }

  #orHole(run: Run): Run {
    return run.kind === 'absent' && this.backing === undefined ? { kind: 'hole', length: run.length } : run;
  }

  /** The last extent that begins at or before `offset`; empty ones before it are passed over. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return low;
  }
}

import type { HostFile, ImageInfo } from '@vmcraft/core';
import type { DiskImage, Run } from './run.js';

/** A single-file image whose runs a map finds; what nothing is behind of becomes holes. */
export class MappedImage implements DiskImage {
  readonly info: ImageInfo;
  readonly size: number;
  readonly sectorSize: 512 | 4096;
  readonly backing?: DiskImage;
  readonly #map: { runAt(offset: number, limit: number): Run | Promise<Run> };
  readonly #file: HostFile;

  constructor(
    file: HostFile,
    info: ImageInfo,
    map: { runAt(offset: number, limit: number): Run | Promise<Run> },
    options: { readonly sectorSize?: 512 | 4096; readonly backing?: DiskImage | undefined } = {},
  ) {
    this.#file = file;
    this.#map = map;
    this.info = info;
    this.size = info.virtualSize;
    this.sectorSize = options.sectorSize ?? 512;
    if (options.backing !== undefined) this.backing = options.backing;
  }

  runAt(offset: number, limit: number): Run | Promise<Run> {
    const run = this.#map.runAt(offset, limit);
    return run instanceof Promise ? run.then((r) => this.#orHole(r)) : this.#orHole(run);
  }

  async close(): Promise<void> {
    try {
      await this.backing?.close();
    } finally {
      await this.#file.close();
    }
  }

  #orHole(run: Run): Run {
    return run.kind === 'absent' && this.backing === undefined ? { kind: 'hole', length: run.length } : run;
  }
}

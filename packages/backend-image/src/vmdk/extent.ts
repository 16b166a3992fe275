import type { HostFile } from '@vmcraft/core';
import type { Run } from '../run.js';

/** A piece of a VMDK: part of the guest disk in one file. */
export interface Extent {
  /** Bytes. */
  readonly size: number;
  /** For `info`: bytes of a grain, when there are any. */
  readonly grainBytes?: number;
  /** As `DiskImage.runAt`, with offsets within the extent. */
  runAt(offset: number, limit: number): Run | Promise<Run>;
}

/** Guest bytes as they are, from `start` of a file on. */
export class FlatExtent implements Extent {
  readonly size: number;
  readonly #file: HostFile;
  readonly #start: number;

  constructor(file: HostFile, start: number, size: number) {
    this.#file = file;
    this.#start = start;
    this.size = size;
  }

  runAt(offset: number, limit: number): Run {
    return { kind: 'stored', length: limit, file: this.#file, position: this.#start + offset };
  }
}

/** Zeros without a file. */
export class ZeroExtent implements Extent {
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  runAt(_offset: number, limit: number): Run {
    return { kind: 'zero', length: limit };
  }
}

import type { FsNode } from '@vmcraft/core/contracts';
import type { Volume } from './volume.js';

/** Stream nodes are numbered above all records: their attribute's instance, above 2^33. */
const STREAM_SHIFT = 2 ** 33;

/** A file or directory as callers hold it: a reference, looked up anew by every call. */
export class NtfsNode implements FsNode {
  readonly ino: number;

  constructor(
    readonly volume: Volume,
    /** Record number. */
    readonly record: number,
    readonly sequence: number,
    /** Name of an alternate data stream that stands for a file of its own. */
    readonly stream = '',
    instance = 0,
  ) {
    this.ino = stream === '' ? record : record + (instance + 1) * STREAM_SHIFT;
  }
}

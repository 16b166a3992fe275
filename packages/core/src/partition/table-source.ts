import type { BlockDevice } from '../contracts/index.js';
import { DEFAULT_MAX_PARTITIONS, type ReadTableOptions } from './types.js';

/** One reading of a table: the device, the limits, and the defects met on the way. */
export class TableSource {
  readonly defects: string[] = [];
  readonly maxPartitions: number;
  readonly #warn: ReadTableOptions['warn'];

  constructor(
    readonly device: BlockDevice,
    options: ReadTableOptions = {},
  ) {
    this.maxPartitions = options.maxPartitions ?? DEFAULT_MAX_PARTITIONS;
    this.#warn = options.warn;
  }

  /** Record a tolerated defect and tell the caller. */
  defect(message: string): void {
    this.defects.push(message);
    this.#warn?.({ source: 'partition', message });
  }

  /** Exactly these bytes, or undefined when the device ends before. */
  async readAt(offset: number, length: number): Promise<Uint8Array | undefined> {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > this.device.size) return undefined;
    return this.device.read(offset, length);
  }
}

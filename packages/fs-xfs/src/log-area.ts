import { concatBytes, viewOf } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { BASIC_BLOCK, LOG_MAGIC } from './log-layout.js';

/** The log as a ring of basic blocks of 512 bytes. */
export class LogArea {
  /**
   * @param start byte offset on the device
   * @param total basic blocks
   */
  constructor(
    private readonly device: BlockDevice,
    readonly start: number,
    readonly total: number,
  ) {}

  /** Basic blocks from `block` on, around the end. */
  async read(block: number, count: number): Promise<Uint8Array> {
    const first = block % this.total;
    const before = Math.min(count, this.total - first);
    const head = await this.#span(first, before);
    return before === count ? head : concatBytes([head, await this.#span(0, count - before)]);
  }

  /** Every basic block begins with the number of the cycle in which it was written; in headers it comes second. */
  async cycles(block: number, count: number): Promise<readonly number[]> {
    const view = viewOf(await this.read(block, count));
    return Array.from({ length: count }, (_, i) => {
      const word = view.getUint32(i * BASIC_BLOCK);
      return word === LOG_MAGIC ? view.getUint32(i * BASIC_BLOCK + 4) : word;
    });
  }

  async cycle(block: number): Promise<number> {
    const [cycle = 0] = await this.cycles(block, 1);
    return cycle;
  }

  /** Blocks from `from` on to `to`, around the end. */
  distance(from: number, to: number): number {
    return (to - from + this.total) % this.total;
  }

  #span(block: number, count: number): Promise<Uint8Array> {
    return this.device.read(this.start + block * BASIC_BLOCK, count * BASIC_BLOCK);
  }
}

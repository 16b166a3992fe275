import { type BlockDevice, hasSparseMap, isDiscardable } from '@vmcraft/core/contracts';

const CHUNK = 1 << 20;

/** Writes a new file system, counting the bytes. */
export class FormatWriter {
  /** Bytes written, for `s_kbytes_written`. */
  written = 0;
  readonly #zeros = new Uint8Array(CHUNK);

  constructor(
    readonly device: BlockDevice,
    readonly blockSize: number,
  ) {}

  /** Whether making a range read as zeros costs little here (nothing is written over holes), so that there is no point in leaving it for later. */
  get zeroingIsFree(): boolean {
    return isDiscardable(this.device) || hasSparseMap(this.device);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    this.written += data.length;
    await this.device.write(offset, data);
  }

  async writeBlock(block: number, data: Uint8Array): Promise<void> {
    await this.write(block * this.blockSize, data);
  }

  /** Make a range of bytes read as zeros: by discarding, or by writing over what is not a hole. */
  async zero(offset: number, length: number): Promise<void> {
    if (length === 0) return;
    const { device } = this;
    if (isDiscardable(device)) return device.discard(offset, length);
    if (!hasSparseMap(device)) return this.#fill(offset, length);
    for await (const run of device.extents(offset, length)) {
      if (run.kind !== 'data') continue;
      const from = Math.max(run.offset, offset);
      await this.#fill(from, Math.min(run.offset + run.length, offset + length) - from);
    }
  }

  async #fill(offset: number, length: number): Promise<void> {
    for (let at = offset; at < offset + length; at += CHUNK) {
      await this.write(at, this.#zeros.subarray(0, Math.min(CHUNK, offset + length - at)));
    }
  }
}

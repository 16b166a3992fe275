import type { BlockDevice } from '../contracts/index.js';

/** A volume that is known and cannot be brought up: every use of it fails with the reason. */
export class UnavailableDevice implements BlockDevice {
  readonly sectorSize = 512;
  readonly writable = false;

  /**
   * @param size bytes that it would have
   * @param reason what every read and write throws
   */
  constructor(
    readonly size: number,
    readonly reason: Error,
  ) {}

  async read(): Promise<Uint8Array> {
    throw this.reason;
  }

  async write(): Promise<void> {
    throw this.reason;
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}

import { checkSpan } from '@vmcraft/core/block';
import type { BlockDevice, IoOptions } from '@vmcraft/core/contracts';
import { CapabilityError } from '@vmcraft/core/errors';
import type { SnapshotStore } from './snapshot-store.js';

/** The chunks of a store over an origin; read-only. */
export class SnapshotDevice implements BlockDevice {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable = false;

  constructor(
    private readonly origin: BlockDevice,
    private readonly store: BlockDevice,
    private readonly exceptions: SnapshotStore,
    private readonly name: string,
  ) {
    this.size = origin.size;
    this.sectorSize = origin.sectorSize;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    checkSpan(this.name, this.size, offset, length);
    const { chunkSize, chunks } = this.exceptions;
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const within = (offset + done) % chunkSize;
      const chunk = (offset + done - within) / chunkSize;
      const moved = chunks.get(chunk);
      let run = Math.min(chunkSize - within, length - done);
      if (moved === undefined) {
        // Neighbours that are not changed come with one read.
        while (done + run < length && !chunks.has((offset + done + run) / chunkSize)) {
          run = Math.min(run + chunkSize, length - done);
        }
        out.set(await this.origin.read(offset + done, run, options), done);
      } else {
        out.set(await this.store.read(moved * chunkSize + within, run, options), done);
      }
      done += run;
    }
    return out;
  }

  async write(): Promise<void> {
    throw CapabilityError.readOnly(this.name, 'old-style snapshots are only read');
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}

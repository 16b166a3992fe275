import { alignDown } from '@vmcraft/core/binary';
import type { BlockDevice, IoOptions } from '@vmcraft/core/contracts';
import { CapabilityError } from '@vmcraft/core/errors';
import type { JournalPages } from './journal.js';
import { JOURNAL_BLOCK } from './layout.js';

/** An array as it will be once its journal is written back: pages of the journal in the place of those on the members. For reading. */
export class JournaledArray implements BlockDevice {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable = false;

  constructor(
    private readonly inner: BlockDevice,
    private readonly journal: JournalPages,
    private readonly reason: string,
  ) {
    this.size = inner.size;
    this.sectorSize = inner.sectorSize;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const data = await this.inner.read(offset, length, options);
    const { device, pages } = this.journal;
    let out: Uint8Array | undefined;
    for (let page = alignDown(offset, JOURNAL_BLOCK); page < offset + length; page += JOURNAL_BLOCK) {
      const at = pages.get(page);
      if (at === undefined) continue;
      out ??= data.slice();
      const [start, end] = [Math.max(offset, page), Math.min(offset + length, page + JOURNAL_BLOCK)];
      out.set(await device.read(at + start - page, end - start, options), start - offset);
    }
    return out ?? data;
  }

  async write(): Promise<void> {
    throw CapabilityError.readOnly('the array', this.reason);
  }

  async flush(): Promise<void> {}

  close(): Promise<void> {
    return this.inner.close();
  }
}

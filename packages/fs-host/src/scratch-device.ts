import { type BlockDevice, type IoOptions, LimitExceededError } from '@vmcraft/core';

/** Unit of change, bytes. */
const PAGE = 4096;
/** Changes that are held, bytes: importing a pool changes labels, and little else. */
const LIMIT = 256 * 1024 * 1024;

/** A device that is written as one likes, and never is: what was written is forgotten at the end. The device below stays open. */
export class ScratchDevice implements BlockDevice {
  readonly writable = true;
  readonly size: number;
  readonly sectorSize: number;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(private readonly below: BlockDevice) {
    this.size = below.size;
    this.sectorSize = below.sectorSize;
  }

  async read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    const data = new Uint8Array(await this.below.read(offset, length, options));
    const end = offset + length;
    for (let at = offset - (offset % PAGE); at < end && this.#pages.size > 0; at += PAGE) {
      const page = this.#pages.get(at);
      if (page === undefined) continue;
      const [from, to] = [Math.max(at, offset), Math.min(at + PAGE, end)];
      data.set(page.subarray(from - at, to - at), from - offset);
    }
    return data;
  }

  /** @throws LimitExceededError when too much is changed */
  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    const end = offset + data.length;
    for (let at = offset - (offset % PAGE); at < end; at += PAGE) {
      const [from, to] = [Math.max(at, offset), Math.min(at + PAGE, end)];
      const page = this.#pages.get(at) ?? (await this.#page(at, options));
      page.set(data.subarray(from - offset, to - offset), from - at);
    }
  }

  async #page(at: number, options?: IoOptions): Promise<Uint8Array> {
    const page = new Uint8Array(await this.below.read(at, Math.min(PAGE, this.size - at), options));
    if ((this.#pages.size + 1) * PAGE > LIMIT)
      throw new LimitExceededError({ limit: 'changes that are not kept, bytes', value: LIMIT + PAGE, max: LIMIT });
    // Another write may have come first.
    const known = this.#pages.get(at);
    if (known !== undefined) return known;
    this.#pages.set(at, page);
    return page;
  }

  async flush(): Promise<void> {
    await Promise.resolve();
  }

  async close(): Promise<void> {
    this.#pages.clear();
    await Promise.resolve();
  }
}

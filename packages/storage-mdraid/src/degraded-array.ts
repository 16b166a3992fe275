import { Turns } from '@vmcraft/core/block';
import type { BlockDevice, IoOptions, Peekable } from '@vmcraft/core/contracts';
import { isPeekable } from '@vmcraft/core/contracts';
import type { ArraySet } from './array-set.js';
import type { Bitmap } from './bitmap.js';
import { missingSlots } from './build-array.js';
import type { MdDevice, Span } from './superblock.js';

/** A device that is one event behind still counts, so those that are gone must be two. */
const EVENT_STEP = 2n;

/** What the writes to an array without all of its members must leave on those that are there. */
export interface DegradedOptions {
  readonly set: ArraySet;
  readonly bitmap: Bitmap | undefined;
  /** What of the bitmap's address space a write to the array touches. */
  readonly spanOf: (offset: number, length: number) => Span;
}

/**
 * An array that some members are missing from. Before its first write the superblocks of the others say so, with a newer event, so
 * that a member that comes back is not believed; the bitmap tells what such a member has missed.
 */
export class DegradedArray implements BlockDevice, Peekable {
  readonly size: number;
  readonly sectorSize: number;
  readonly writable: boolean;
  readonly #inner: BlockDevice;
  readonly #options: DegradedOptions;
  readonly #turns = new Turns();
  #isTold = false;

  constructor(inner: BlockDevice, options: DegradedOptions) {
    this.#inner = inner;
    this.#options = options;
    this.size = inner.size;
    this.sectorSize = inner.sectorSize;
    this.writable = inner.writable;
  }

  read(offset: number, length: number, options?: IoOptions): Promise<Uint8Array> {
    return this.#inner.read(offset, length, options);
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    return isPeekable(this.#inner) ? this.#inner.peek(offset, length) : undefined;
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    const isInside = offset >= 0 && offset + data.length <= this.size;
    if (this.writable && isInside && data.length > 0) await this.#turns.take(() => this.#announce(offset, data.length));
    await this.#inner.write(offset, data, options);
  }

  flush(): Promise<void> {
    return this.#inner.flush();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #announce(offset: number, length: number): Promise<void> {
    const { set, bitmap, spanOf } = this.#options;
    if (!this.#isTold) {
      const events = set.superblock.events + EVENT_STEP;
      const lost = new Set(missingSlots(set));
      const time = Math.floor(Date.now() / 1000);
      for (const { device, superblock } of devicesOf(set)) {
        await device.write(superblock.offset, superblock.changed({ events, lost, time }));
      }
      await bitmap?.setEvents(events);
      this.#isTold = true;
    }
    const span = spanOf(offset, length);
    await bitmap?.mark(span.offset, span.length);
  }
}

/** All devices whose superblocks are kept up to date. */
export function devicesOf(set: ArraySet): MdDevice[] {
  const { slots, replacements, spares, journal } = set;
  return [...slots, ...replacements.values(), ...spares, journal].filter((device) => device !== undefined);
}

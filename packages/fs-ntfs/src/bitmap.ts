import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { type Attribute, sizeOf } from './attribute.js';
import { type ClusterSource, piecesOf, readAttribute } from './attribute-reader.js';

/** Bytes of a page of the map. */
const PAGE = 65536;
const PAGE_BITS = PAGE * 8;
/** Unchanged pages kept. */
const MAX_PAGES = 128;

/** A run of clear bits, or of bits that were set. */
export interface BitRun {
  readonly start: number;
  readonly length: number;
}

/** A map of bits in an attribute: clusters of the volume in $Bitmap, records in $MFT's $BITMAP. A set bit is in use. */
export class Bitmap {
  readonly #pages = new Map<number, Uint8Array>();
  readonly #dirty = new Set<number>();
  /** No page below this has a clear bit. */
  #firstFreePage = 0;

  /**
   * @param bits bits that mean something; the rest is never given out
   * @param changed called when the attribute's own resident value changed
   */
  constructor(
    private readonly source: ClusterSource & { readonly device: BlockDevice },
    private readonly attribute: Attribute,
    public bits: number,
    private readonly changed: () => void = () => {},
  ) {
    if (sizeOf(attribute) * 8 < bits) {
      throw new CorruptImageError({
        structure: 'bitmap',
        field: 'size',
        expected: Math.ceil(bits / 8),
        found: sizeOf(attribute),
      });
    }
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  get #pageCount(): number {
    return Math.ceil(this.bits / PAGE_BITS);
  }

  async #page(index: number): Promise<Uint8Array> {
    const known = this.#pages.get(index);
    if (known !== undefined) return known;
    const length = Math.min(PAGE, sizeOf(this.attribute) - index * PAGE);
    const page = new Uint8Array(PAGE);
    page.set(await readAttribute(this.source, this.attribute, index * PAGE, length));
    if (this.#pages.size >= MAX_PAGES) {
      for (const old of this.#pages.keys()) {
        if (this.#dirty.has(old)) continue;
        this.#pages.delete(old);
        break;
      }
    }
    this.#pages.set(index, page);
    return page;
  }

  async isSet(bit: number): Promise<boolean> {
    if (bit >= this.bits) return true;
    const page = await this.#page(Math.floor(bit / PAGE_BITS));
    return (page[Math.floor((bit % PAGE_BITS) / 8)]! & (1 << (bit & 7))) !== 0;
  }

  /** Set or clear a run. @throws CorruptImageError when it lies outside */
  async mark(start: number, length: number, used: boolean): Promise<void> {
    if (start < 0 || start + length > this.bits) {
      throw new CorruptImageError({ structure: 'bitmap', field: 'bit', expected: `below ${this.bits}`, found: start });
    }
    for (let at = start; at < start + length; ) {
      const index = Math.floor(at / PAGE_BITS);
      const page = await this.#page(index);
      const from = at % PAGE_BITS;
      const to = Math.min(PAGE_BITS, from + start + length - at);
      setBits(page, from, to, used);
      this.#dirty.add(index);
      if (!used) this.#firstFreePage = Math.min(this.#firstFreePage, index);
      at += to - from;
    }
  }

  /** The first run of clear bits at or after `from`, cut at `max`; undefined when there is none. */
  async nextClear(from: number, max: number): Promise<BitRun | undefined> {
    let at = Math.max(from, this.#firstFreePage * PAGE_BITS);
    while (at < this.bits) {
      const index = Math.floor(at / PAGE_BITS);
      const page = await this.#page(index);
      const limit = Math.min(PAGE_BITS, this.bits - index * PAGE_BITS);
      const start = findClear(page, at % PAGE_BITS, limit);
      if (start < limit) {
        const end = findSet(page, start, Math.min(limit, start + max));
        return { start: index * PAGE_BITS + start, length: end - start };
      }
      if (at === index * PAGE_BITS && index === this.#firstFreePage) this.#firstFreePage = index + 1;
      at = (index + 1) * PAGE_BITS;
    }
    return undefined;
  }

  /** Count of clear bits; counting ends when there are `enough`. */
  async countClear(enough = Number.POSITIVE_INFINITY): Promise<number> {
    let clear = 0;
    for (let index = this.#firstFreePage; index < this.#pageCount && clear < enough; index++) {
      const page = await this.#page(index);
      clear += countClearBits(page, Math.min(PAGE_BITS, this.bits - index * PAGE_BITS));
    }
    return clear;
  }

  /** Runs of clear bits in order. */
  async *clearRuns(): AsyncGenerator<BitRun> {
    for (let at = 0; ; ) {
      const run = await this.nextClear(at, PAGE_BITS);
      if (run === undefined) return;
      yield run;
      at = run.start + run.length;
    }
  }

  /** Write changed pages. */
  async flush(): Promise<void> {
    for (const index of [...this.#dirty].sort((a, b) => a - b)) {
      const page = this.#pages.get(index)!;
      const data = page.subarray(0, Math.min(PAGE, sizeOf(this.attribute) - index * PAGE));
      const body = this.attribute.nonResident;
      if (body === undefined) {
        this.attribute.value!.set(data, index * PAGE);
        this.changed();
      } else await this.#write(index * PAGE, data);
    }
    this.#dirty.clear();
  }

  async #write(offset: number, data: Uint8Array): Promise<void> {
    let at = 0;
    for (const piece of piecesOf(this.source, this.attribute.nonResident!, offset, data.length)) {
      await this.source.device.write(piece.position, data.subarray(at, at + piece.length));
      at += piece.length;
    }
  }
}

function setBits(page: Uint8Array, from: number, to: number, used: boolean): void {
  for (let bit = from; bit < to; ) {
    if (bit % 8 === 0 && to - bit >= 8) {
      const end = to - (to % 8);
      page.fill(used ? 0xff : 0, bit / 8, end / 8);
      bit = end;
      continue;
    }
    const mask = 1 << (bit & 7);
    if (used) page[bit >> 3]! |= mask;
    else page[bit >> 3]! &= ~mask;
    bit++;
  }
}

/** First clear bit in [from, limit), or `limit`. */
function findClear(page: Uint8Array, from: number, limit: number): number {
  let bit = from;
  while (bit < limit) {
    if ((bit & 7) === 0) {
      let byte = bit >> 3;
      const end = (limit + 7) >> 3;
      while (byte < end && page[byte] === 0xff) byte++;
      bit = byte << 3;
      if (bit >= limit) return limit;
    }
    if ((page[bit >> 3]! & (1 << (bit & 7))) === 0) return bit;
    bit++;
  }
  return limit;
}

/** First set bit in [from, limit), or `limit`. */
function findSet(page: Uint8Array, from: number, limit: number): number {
  let bit = from;
  while (bit < limit) {
    if ((bit & 7) === 0) {
      let byte = bit >> 3;
      const end = (limit + 7) >> 3;
      while (byte < end && page[byte] === 0) byte++;
      bit = byte << 3;
      if (bit >= limit) return limit;
    }
    if ((page[bit >> 3]! & (1 << (bit & 7))) !== 0) return bit;
    bit++;
  }
  return limit;
}

const SET_BITS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

function countClearBits(page: Uint8Array, limit: number): number {
  const whole = limit >> 3;
  let set = 0;
  for (let i = 0; i < whole; i++) set += SET_BITS[page[i]!]!;
  for (let bit = whole * 8; bit < limit; bit++) if ((page[bit >> 3]! & (1 << (bit & 7))) !== 0) set++;
  return limit - set;
}

import { alignDown, alignUp } from '@vmcraft/core';
import { imageExtents } from '../run-reader.js';
import { allBits, touchedBits, type WriterParts } from './cluster-writer.js';
import { decodeEntry, encodeEntry, type L2Entry } from './l2-entry.js';
import type { EntryPlace } from './l2-tables.js';
import { RANK } from './ranks.js';

/** Bytes of zeros written at once where zeros cannot be said in metadata. */
const ZERO_RUN = 1024 * 1024;

/** Makes stretches read as zeros: by metadata where the format can say so, else by writing zeros. */
export class ClusterEraser {
  readonly #p: WriterParts;
  readonly #write: (offset: number, data: Uint8Array) => Promise<void>;
  /** Guest bytes below this may come from the image behind. */
  readonly #backingSize: number;

  constructor(parts: WriterParts, write: (offset: number, data: Uint8Array) => Promise<void>) {
    this.#p = parts;
    this.#write = write;
    this.#backingSize = parts.image.backing?.size ?? 0;
  }

  /**
   * Erase as much of [offset, end) as one step can.
   * @returns where to go on, beyond `offset`
   */
  async step(offset: number, end: number): Promise<number> {
    const g = this.#p.geometry;
    const unit = g.subclusterSize;
    const cluster = alignDown(offset, g.clusterSize);
    const stop = Math.min(end, cluster + g.clusterSize);
    // A last unit that sticks out of the disk counts as whole.
    const usableEnd = stop === this.#p.image.size ? alignUp(stop, unit) : alignDown(stop, unit);
    if (offset % unit !== 0 || usableEnd <= offset) {
      const partEnd = Math.min(stop, alignDown(offset, unit) + unit);
      await this.#writeZeros(offset, partEnd);
      return partEnd;
    }
    const found = await this.#p.tables.entry(offset);
    if (found === undefined && offset >= this.#backingSize) {
      return Math.min(end, alignDown(offset, g.coverage) + g.coverage);
    }
    const span = { from: offset - cluster, to: usableEnd - cluster };
    await this.#erase(cluster, span, Math.min(stop, usableEnd), found);
    return Math.min(stop, usableEnd);
  }

  async #erase(cluster: number, span: { from: number; to: number }, stop: number, found?: EntryPlace): Promise<void> {
    const g = this.#p.geometry;
    const touched = touchedBits(g, span);
    const behind = cluster < this.#backingSize;
    const before = found === undefined ? undefined : decodeEntry(g, found.page.view, found.at);
    if (this.#isErased(before, touched, behind)) return;
    if (g.dataFile && before?.host !== undefined) return this.#eraseDataFile(cluster, span, stop, before, touched);
    const whole = touched === allBits(g);
    if ((g.version < 3 && behind) || (before?.packed !== undefined && !whole)) {
      return this.#writeZeros(cluster + span.from, stop);
    }
    const place = await this.#p.tables.writableEntry(cluster);
    const entry = decodeEntry(g, place.page.view, place.at);
    const stored = entry.packed === undefined ? (entry.stored & ~touched) >>> 0 : 0;
    // Version 2 cannot say "zeros"; without an image behind, a missing cluster reads so.
    const zero = g.version < 3 ? 0 : whole ? touched : (entry.zero | touched) >>> 0;
    const keep = stored !== 0;
    const host = keep ? entry.host : undefined;
    encodeEntry(g, place.page.view, place.at, { host, copied: keep && entry.copied, stored, zero });
    this.#p.cache.touch(place.page, RANK.l2);
    if (entry.packed !== undefined) this.#p.refcounts.release(entry.packed.offset, entry.packed.length);
    else if (entry.host !== undefined && !keep && !g.dataFile) this.#p.refcounts.release(entry.host, g.clusterSize);
  }

  /** Whether all touched subclusters read as zeros and hold no space. */
  #isErased(entry: L2Entry | undefined, touched: number, behind: boolean): boolean {
    if (entry === undefined) return !behind;
    if (entry.packed !== undefined) return false;
    if ((entry.stored & touched) !== 0) return false;
    const allZero = (entry.zero & touched) >>> 0 === touched;
    return (allZero || !behind) && (entry.host === undefined || entry.stored !== 0);
  }

  /** Guest clusters keep their places in a data file, which shall read the same by itself. */
  async #eraseDataFile(
    cluster: number,
    span: { from: number; to: number },
    stop: number,
    entry: L2Entry,
    touched: number,
  ): Promise<void> {
    const g = this.#p.geometry;
    if ((entry.stored & touched) >>> 0 !== touched) return this.#writeZeros(cluster + span.from, stop);
    const start = cluster + span.from;
    const length = Math.min(cluster + span.to, this.#p.data.size) - start;
    this.#p.guard.check(cluster, g.clusterSize);
    if (length > 0) await this.#p.data.punchHole(start, length);
  }

  /** Write zeros where something else may be read. */
  async #writeZeros(from: number, to: number): Promise<void> {
    const data = [];
    for await (const extent of imageExtents(this.#p.image, from, to - from)) {
      if (extent.kind === 'data') data.push(extent);
    }
    for (const { offset, length } of data) {
      for (let at = 0; at < length; at += ZERO_RUN) {
        await this.#write(offset + at, new Uint8Array(Math.min(ZERO_RUN, length - at)));
      }
    }
  }
}

import { FsError } from '@vmcraft/core/errors';
import type { Bitmap, BitRun } from './bitmap.js';
import type { Run } from './run-list.js';
import type { Volume } from './volume.js';

/** Runs looked at for one that is long enough, before pieces are taken. */
const MAX_TRIES = 64;
/** Part of the volume kept for the growth of $MFT as long as there is other room, as Windows does by default. */
const ZONE_PART = 8;

/** Records by which $MFT can grow out of the clusters that are kept back, and clusters kept for lists of attributes. */
const KEPT_RECORDS = 128;
const KEPT_FOR_LISTS = 8;
/** Counting free clusters ends at so many more than are asked for. */
const COUNT_AHEAD = 65_536;

/**
 * Gives out clusters. The last few are kept back: an inode that a change has made larger must find room for its attributes, in records of
 * $MFT that may have to be made, or what was accepted could not be written.
 */
export class ClusterAllocator {
  /** At least so many clusters are free; just so many once all were counted. */
  #known = 0;
  #allCounted = false;
  #urgent = 0;
  /** Where the next file without a better place begins. */
  #next: number;

  constructor(
    private readonly volume: Volume,
    readonly map: Bitmap,
  ) {
    this.#next = this.#zone.end;
  }

  /** Clusters behind the end of $MFT. */
  get #zone(): { start: number; end: number } {
    const { totalClusters } = this.volume.geometry;
    const start = this.volume.mft.lastCluster + 1;
    return { start, end: Math.min(totalClusters, start + Math.floor(totalClusters / ZONE_PART)) };
  }

  /** Clusters that only {@link urgently} are given out. */
  get #kept(): number {
    const { clusterSize, recordSize, totalClusters } = this.volume.geometry;
    const kept = Math.ceil((KEPT_RECORDS * recordSize) / clusterSize) + KEPT_FOR_LISTS;
    return Math.min(kept, totalClusters >> 4);
  }

  /** Whether `count` clusters are free besides those that are kept back. */
  async isFree(count: number): Promise<boolean> {
    const needed = count + this.#kept;
    if (this.#known < needed && !this.#allCounted) {
      const enough = needed + COUNT_AHEAD;
      this.#known = await this.map.countClear(enough);
      // All changes of the map are made here, so a full volume is not counted again for each call.
      this.#allCounted = this.#known < enough;
    }
    return this.#known >= needed;
  }

  /** Do what must not fail because the volume is full. */
  async urgently<T>(work: () => Promise<T>): Promise<T> {
    this.#urgent++;
    try {
      return await work();
    } finally {
      this.#urgent--;
    }
  }

  /**
   * Take clusters, marked as used.
   * @param hint cluster at which they should begin; undefined for wherever there is room
   * @throws FsError ENOSPC, with nothing taken
   */
  async allocate(count: number, hint: number | undefined, operation: string): Promise<BitRun[]> {
    if (count <= 0) return [];
    if (this.#urgent === 0 && !(await this.isFree(count))) throw new FsError('ENOSPC', { operation });
    const near = hint !== undefined && !(await this.map.isSet(hint)) ? hint : undefined;
    const runs =
      (near === undefined ? undefined : await this.#atOnce(count, near, near + count)) ??
      (await this.#search(count, near ?? this.#next));
    if (runs === undefined) throw new FsError('ENOSPC', { operation });
    for (const run of runs) await this.map.mark(run.start, run.length, true);
    this.#known = Math.max(0, this.#known - count);
    const last = runs.at(-1)!;
    if (hint === undefined) this.#next = last.start + last.length;
    return runs;
  }

  /** One run of all clusters within [from, to). */
  async #atOnce(count: number, from: number, to: number): Promise<BitRun[] | undefined> {
    let at = from;
    for (let tries = 0; tries < MAX_TRIES && at < to; tries++) {
      const run = await this.map.nextClear(at, Math.min(count, to - at));
      if (run === undefined || run.start + count > to) return undefined;
      if (run.length >= count) return [run];
      at = run.start + run.length;
    }
    return undefined;
  }

  async #search(count: number, start: number): Promise<BitRun[] | undefined> {
    const { totalClusters } = this.volume.geometry;
    const zone = this.#zone;
    const parts: [number, number][] = [
      [Math.max(start, zone.end), totalClusters],
      [zone.end, Math.max(start, zone.end)],
      [0, zone.start],
      [zone.start, zone.end],
    ];
    for (const [from, to] of parts.slice(0, 3)) {
      const found = await this.#atOnce(count, from, to);
      if (found !== undefined) return found;
    }
    const out: BitRun[] = [];
    let left = count;
    for (const [from, to] of parts) {
      for (let at = from; at < to && left > 0; ) {
        const run = await this.map.nextClear(at, Math.min(left, to - at));
        if (run === undefined || run.start >= to) break;
        const length = Math.min(run.length, to - run.start);
        out.push({ start: run.start, length });
        left -= length;
        at = run.start + length;
      }
      if (left === 0) return out;
    }
    return undefined;
  }

  /** Give clusters back. */
  async release(runs: readonly Run[]): Promise<void> {
    for (const run of runs) {
      await this.map.mark(run.lcn, run.length, false);
      this.#known += run.length;
    }
  }

  /** Give back what {@link allocate} took. */
  async undo(runs: readonly BitRun[]): Promise<void> {
    for (const run of runs) {
      await this.map.mark(run.start, run.length, false);
      this.#known += run.length;
    }
  }
}

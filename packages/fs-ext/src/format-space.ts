import { FsError } from '@vmcraft/core/errors';
import { blocksInGroup, firstBlockOf, type Geometry, groupOfBlock } from './geometry.js';

/** A run of blocks in use: first block, and the block after its last. */
export interface UsedRun {
  readonly start: number;
  end: number;
}

/**
 * Which blocks of a new file system are taken, as runs per group: a bitmap of a many-terabyte device would not fit in memory, while
 * a new file system uses a handful of runs.
 */
export class FormatSpace {
  readonly #runs = new Map<number, UsedRun[]>();

  constructor(readonly geometry: Geometry) {}

  /** Used runs of a group, in order, merged. */
  runsOf(group: number): readonly UsedRun[] {
    return this.#runs.get(group) ?? [];
  }

  /** Take `count` blocks from `start`, which may cross groups. */
  take(start: number, count: number): void {
    const end = start + count;
    for (let at = start; at < end; ) {
      const group = groupOfBlock(this.geometry, at);
      const stop = Math.min(end, firstBlockOf(this.geometry, group) + blocksInGroup(this.geometry, group));
      if (stop <= at) throw new FsError('ENOSPC', { operation: 'format' });
      this.#insert(group, at, stop);
      at = stop;
    }
  }

  #insert(group: number, start: number, end: number): void {
    const runs = this.#runs.get(group);
    if (runs === undefined) {
      this.#runs.set(group, [{ start, end }]);
      return;
    }
    let at = runs.length;
    while (at > 0 && runs[at - 1]!.start > start) at -= 1;
    runs.splice(at, 0, { start, end });
    const merged: UsedRun[] = [];
    for (const run of runs) {
      const last = merged.at(-1);
      if (last !== undefined && run.start <= last.end) last.end = Math.max(last.end, run.end);
      else merged.push({ ...run });
    }
    this.#runs.set(group, merged);
  }

  /** The used run that covers `block`, or the next one in its group; undefined when the rest of the group is free. */
  #nextRun(block: number): UsedRun | undefined {
    for (const run of this.runsOf(groupOfBlock(this.geometry, block))) if (run.end > block) return run;
    return undefined;
  }

  /** Whether `count` blocks from `start` are free and exist. */
  isFree(start: number, count: number): boolean {
    return start + count <= this.geometry.blocksCount && this.#firstUsed(start, count) === undefined;
  }

  #firstUsed(start: number, count: number): UsedRun | undefined {
    for (let at = start; at < start + count; ) {
      const group = groupOfBlock(this.geometry, at);
      const run = this.#nextRun(at);
      if (run !== undefined) return run.start < start + count ? run : undefined;
      at = firstBlockOf(this.geometry, group) + this.geometry.blocksPerGroup;
    }
    return undefined;
  }

  /** First of `count` free blocks in a row in [from, limit), or undefined. `align` is in blocks. */
  find(from: number, limit: number, count: number, align = 1): number | undefined {
    const up = (block: number): number => Math.ceil(block / align) * align;
    for (let at = up(from); at + count <= Math.min(limit, this.geometry.blocksCount); ) {
      const used = this.#firstUsed(at, count);
      if (used === undefined) return at;
      at = up(used.end);
    }
    return undefined;
  }

  /** The free run at or after `from`: whole clusters, at most `count` blocks. */
  freeRun(from: number, count: number): { start: number; length: number } | undefined {
    const { clusterRatio, blocksCount } = this.geometry;
    const start = this.find(from, blocksCount, clusterRatio, clusterRatio);
    if (start === undefined) return undefined;
    const wanted = Math.ceil(count / clusterRatio) * clusterRatio;
    const used = this.#firstUsed(start, Math.min(wanted, blocksCount - start));
    const end = used === undefined ? Math.min(start + wanted, blocksCount) : used.start - (used.start % clusterRatio);
    return { start, length: Math.min(end - start, count) };
  }

  /** Free clusters of a group. */
  freeClusters(group: number): number {
    const { clusterRatio } = this.geometry;
    const first = firstBlockOf(this.geometry, group);
    let used = 0;
    let counted = -1;
    for (const run of this.runsOf(group)) {
      const from = Math.max(Math.floor((run.start - first) / clusterRatio), counted + 1);
      const to = Math.floor((run.end - 1 - first) / clusterRatio);
      if (to >= from) used += to - from + 1;
      counted = Math.max(counted, to);
    }
    return Math.ceil(blocksInGroup(this.geometry, group) / clusterRatio) - used;
  }

  /** Fill in a group's block bitmap: used clusters, and the bits past a short group. */
  bitmap(group: number, into: Uint8Array): void {
    const { clusterRatio, geometry } = { clusterRatio: this.geometry.clusterRatio, geometry: this.geometry };
    const first = firstBlockOf(geometry, group);
    into.fill(0);
    for (const run of this.runsOf(group)) {
      setBits(
        into,
        Math.floor((run.start - first) / clusterRatio),
        Math.floor((run.end - 1 - first) / clusterRatio) + 1,
      );
    }
    setBits(into, Math.ceil(blocksInGroup(geometry, group) / clusterRatio), into.length * 8);
  }
}

/** Set the bits [from, to) of a little-endian bitmap. */
export function setBits(bits: Uint8Array, from: number, to: number): void {
  let at = from;
  for (; at < to && (at & 7) !== 0; at++) bits[at >> 3]! |= 1 << (at & 7);
  if (at + 8 <= to) {
    bits.fill(0xff, at >> 3, to >> 3);
    at = to - (to & 7);
  }
  for (; at < to; at++) bits[at >> 3]! |= 1 << (at & 7);
}

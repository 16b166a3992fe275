import type { VolumeGroup } from '../volume-group.js';
import { areasOf } from '../volume-group.js';

/** Extents of a physical volume that follow one another. */
export interface ExtentRun {
  /** The PV's name in the metadata. */
  readonly pv: string;
  readonly start: number;
  readonly count: number;
}

/** Extents of each physical volume that volumes use. */
export function usedExtents(group: VolumeGroup): Map<string, ExtentRun[]> {
  const used = new Map<string, ExtentRun[]>([...group.pvs.keys()].map((key) => [key, []]));
  for (const lv of group.lvs.values()) {
    for (const segment of lv.segments) {
      for (const [key, each] of [
        ['stripes', Math.ceil(segment.extents / Math.max(1, areasOf(segment, 'stripes').length))],
        ['mirrors', segment.extents],
      ] as const) {
        for (const { name, extent } of areasOf(segment, key)) {
          used.get(name)?.push({ pv: name, start: extent, count: each });
        }
      }
    }
  }
  for (const runs of used.values()) runs.sort((a, b) => a.start - b.start);
  return used;
}

/** Number of extents of a physical volume that volumes use. */
export function countUsed(group: VolumeGroup, pv: string): number {
  return (usedExtents(group).get(pv) ?? []).reduce((sum, run) => sum + run.count, 0);
}

/** Runs of free extents of the physical volumes that may be used, in the order of the metadata. */
export function freeExtents(group: VolumeGroup): ExtentRun[] {
  const used = usedExtents(group);
  const free: ExtentRun[] = [];
  for (const pv of group.pvs.values()) {
    if (!pv.status.has('ALLOCATABLE')) continue;
    let at = 0;
    for (const { start, count } of used.get(pv.key) ?? []) {
      if (start > at) free.push({ pv: pv.key, start: at, count: start - at });
      at = Math.max(at, start + count);
    }
    if (at < pv.extents) free.push({ pv: pv.key, start: at, count: pv.extents - at });
  }
  return free;
}

/** Number of free extents. */
export function countFree(group: VolumeGroup): number {
  return freeExtents(group).reduce((sum, run) => sum + run.count, 0);
}

/**
 * Choose `count` free extents: one run if one is large enough (the smallest such), else the largest first.
 * @returns undefined when there are not enough
 */
export function allocate(free: readonly ExtentRun[], count: number): ExtentRun[] | undefined {
  const fitting = free.filter((run) => run.count >= count);
  if (fitting.length > 0) {
    const best = fitting.reduce((a, b) => (b.count < a.count ? b : a));
    return [{ ...best, count }];
  }
  const chosen: ExtentRun[] = [];
  let left = count;
  for (const run of [...free].sort((a, b) => b.count - a.count)) {
    if (left === 0) break;
    const taken = Math.min(run.count, left);
    chosen.push({ ...run, count: taken });
    left -= taken;
  }
  return left === 0 ? chosen : undefined;
}

/** What is left of free runs when some of them are taken from the front. */
export function without(free: readonly ExtentRun[], taken: readonly ExtentRun[]): ExtentRun[] {
  return free.flatMap((run) => {
    const used = taken.filter((t) => t.pv === run.pv && t.start === run.start).reduce((sum, t) => sum + t.count, 0);
    return used === run.count ? [] : [{ pv: run.pv, start: run.start + used, count: run.count - used }];
  });
}

import { describe, expect, it } from 'vitest';
import { FormatSpace } from '../src/format-space.js';
import type { Geometry } from '../src/geometry.js';

const geometry = (changes: Partial<Geometry> = {}): Geometry =>
  ({ firstDataBlock: 0, blocksPerGroup: 64, blocksCount: 200, clusterRatio: 1, groupCount: 4, ...changes }) as Geometry;

describe('FormatSpace', () => {
  it('merges runs and splits them at groups', () => {
    const space = new FormatSpace(geometry());
    space.take(10, 5);
    space.take(15, 5);
    space.take(60, 10);
    expect(space.runsOf(0)).toEqual([
      { start: 10, end: 20 },
      { start: 60, end: 64 },
    ]);
    expect(space.runsOf(1)).toEqual([{ start: 64, end: 70 }]);
    expect(space.freeClusters(0)).toBe(50);
    expect(space.freeClusters(3)).toBe(8);
  });

  it('finds gaps across groups, and none where there is none', () => {
    const space = new FormatSpace(geometry());
    space.take(0, 50);
    space.take(130, 1);
    expect(space.find(0, 200, 80)).toBe(50);
    expect(space.find(0, 200, 81)).toBeUndefined();
    expect(space.find(60, 200, 65)).toBe(60);
    expect(space.freeRun(0, 1000)).toEqual({ start: 50, length: 80 });
    expect(space.isFree(131, 69)).toBe(true);
    expect(space.isFree(131, 70)).toBe(false);
  });

  it('works in whole clusters', () => {
    const space = new FormatSpace(geometry({ clusterRatio: 4 }));
    space.take(0, 5);
    expect(space.freeRun(0, 3)).toEqual({ start: 8, length: 3 });
    expect(space.freeClusters(0)).toBe(14);
    const bits = new Uint8Array(4);
    space.bitmap(0, bits);
    expect([...bits]).toEqual([0b11, 0, 0xff, 0xff]);
  });
});

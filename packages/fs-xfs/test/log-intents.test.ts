import { describe, expect, it } from 'vitest';
import type { Extent } from '../src/extents.js';
import { Intents } from '../src/log-intents.js';
import { ItemType } from '../src/log-layout.js';
import type { LogItem } from '../src/log-transaction.js';
import { finishMaps } from '../src/pending-maps.js';
import type { Volume } from '../src/volume.js';

const BLOCK = 4096;
const volume = {
  blockSize: BLOCK,
  device: { size: 1000 * BLOCK },
  superblock: { agBlockLog: 10, agBlocks: 1000, agCount: 1, dataBlocks: 1000n },
} as Volume;

function item(type: number, id: bigint, write: (view: DataView) => void = () => {}): LogItem {
  const data = new Uint8Array(48);
  const view = new DataView(data.buffer);
  view.setUint16(0, type, true);
  view.setBigUint64(8, id, true);
  write(view);
  return { type, regions: [data], total: 1 };
}

const mapItem = (id: bigint, kind: number, offset: bigint, block: bigint, length: number): LogItem =>
  item(ItemType.map, id, (view) => {
    view.setUint32(4, 1, true);
    for (const [at, value] of [
      [16, 131n],
      [24, block],
      [32, offset],
    ] as const)
      view.setBigUint64(at, value, true);
    view.setUint32(40, length, true);
    view.setUint32(44, kind, true);
  });

const extent = (offset: number, length: number, position: number): Extent => ({
  offset: offset * BLOCK,
  length: length * BLOCK,
  position: position * BLOCK,
  isUnwritten: false,
});

describe('intents of the log', () => {
  it('what is done is no longer pending', () => {
    const intents = new Intents();
    expect(intents.take(item(ItemType.freeExtents, 1n))).toBe(true);
    expect(intents.take(item(ItemType.reverseMap, 1n))).toBe(true);
    expect(intents.take(item(ItemType.freeExtentsDone, 1n))).toBe(true);
    expect(intents.take(item(ItemType.buffer, 1n))).toBe(false);
    expect(intents.pending()).toMatchObject({ count: 1 });
  });

  it('extents that were promised are there: first taken out, then put in', () => {
    const intents = new Intents();
    intents.take(mapItem(7n, 2, 4n, 104n, 3));
    intents.take(mapItem(8n, 1, 4n, 500n, 3));
    const maps = intents.pending().maps.get(131)!;
    expect(finishMaps(volume, [extent(0, 10, 100), extent(20, 2, 300)], maps)).toEqual([
      extent(0, 4, 100),
      extent(4, 3, 500),
      extent(7, 3, 107),
      extent(20, 2, 300),
    ]);
  });

  it('promises that cannot be are errors', () => {
    const bad = (load: LogItem) => {
      const intents = new Intents();
      intents.take(load);
      return () => finishMaps(volume, [], intents.pending().maps.get(131) ?? []);
    };
    expect(bad(mapItem(1n, 1, 0n, 999n, 3))).toThrow(/xfs_map_extent/);
    expect(bad(mapItem(1n, 1, 0n, 5000n, 3))).toThrow(/xfs_map_extent/);
    expect(bad(mapItem(1n, 1, 0n, 5n, 0))).toThrow(/promised/);
    const kind = new Intents();
    kind.take(mapItem(1n, 3, 0n, 5n, 1));
    expect(() => kind.pending()).toThrow(/kind 3/);
  });

  it('inodes with attributes or contents half changed are told', () => {
    const intents = new Intents();
    intents.take(item(ItemType.attribute, 1n, (view) => view.setBigUint64(16, 140n, true)));
    intents.take(
      item(ItemType.exchange, 2n, (view) => {
        view.setBigUint64(16, 150n, true);
        view.setBigUint64(24, 151n, true);
      }),
    );
    const { attributes, contents } = intents.pending();
    expect([...attributes, ...contents]).toEqual([140, 150, 151]);
  });
});

import { describe, expect, it } from 'vitest';
import {
  copyRange,
  IoMetrics,
  MemoryDevice,
  metered,
  readOnly,
  SliceDevice,
  writeZeroes,
} from '../../src/block/index.js';
import { type BlockExtent, hasSparseMap, isDiscardable, isPeekable } from '../../src/contracts/index.js';
import { CapabilityError, InternalError, LimitExceededError, TruncatedImageError } from '../../src/errors/index.js';

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i % 251) + 1);
async function all(runs: AsyncIterable<BlockExtent>): Promise<BlockExtent[]> {
  const found: BlockExtent[] = [];
  for await (const run of runs) found.push(run);
  return found;
}

describe('MemoryDevice', () => {
  it('is sparse, grows, and gives up what is discarded', async () => {
    const device = new MemoryDevice(1e12);
    await device.write(5e11, bytes(100));
    expect(await device.read(5e11 + 10, 5)).toEqual(bytes(100).slice(10, 15));
    expect((await all(device.extents(5e11 - 65_536, 200_000))).map((run) => run.kind)).toContain('data');
    await device.discard(5e11, 50);
    expect(await device.read(5e11, 51)).toEqual(Uint8Array.from([...new Uint8Array(50), 51]));
    await device.resize(5e11 + 60);
    await device.resize(1e12);
    expect(await device.read(5e11 + 55, 10)).toEqual(Uint8Array.from([56, 57, 58, 59, 60, 0, 0, 0, 0, 0]));
  });

  it('bounds its memory and its spans', async () => {
    const device = new MemoryDevice(1e9, { maxBytes: 65_536 });
    await device.write(0, bytes(10));
    await expect(device.write(1e6, bytes(10))).rejects.toThrow(LimitExceededError);
    await expect(device.read(1e9 - 1, 2)).rejects.toThrow(TruncatedImageError);
    await expect(device.read(-1, 2)).rejects.toThrow(InternalError);
    await expect(device.read(0.5, 2)).rejects.toThrow(InternalError);
    await expect(new MemoryDevice(10, { writable: false }).write(0, bytes(1))).rejects.toThrow(CapabilityError);
  });
});

describe('SliceDevice', () => {
  it('is a window with the roles of its parent', async () => {
    const parent = MemoryDevice.from(bytes(100_000));
    const slice = new SliceDevice(parent, 1000, 5000, { name: 'partition 1' });
    expect(await slice.read(0, 3)).toEqual(bytes(100_000).slice(1000, 1003));
    expect(isPeekable(slice) && isDiscardable(slice) && hasSparseMap(slice)).toBe(true);
    await slice.write(4999, new Uint8Array([9]));
    expect(parent.peek(5999, 1)).toEqual(new Uint8Array([9]));
    await expect(slice.write(4999, new Uint8Array(2))).rejects.toThrow(/partition 1/);
    expect(slice.peek!(4999, 2)).toBeUndefined();
    expect(await all(slice.extents!(10, 20))).toEqual([{ offset: 10, length: 20, kind: 'data' }]);
    await slice.discard!(0, 5000);
    expect(parent.peek(999, 2)).toEqual(Uint8Array.from([bytes(1000)[999]!, 0]));
    expect(() => new SliceDevice(parent, 99_999, 2)).toThrow(TruncatedImageError);
  });

  it('has no role that its parent lacks, and is no more writable', async () => {
    const guarded = readOnly(MemoryDevice.from(bytes(100)));
    const slice = new SliceDevice(guarded, 0, 50);
    expect(isDiscardable(slice)).toBe(false);
    expect(slice.writable).toBe(false);
    await expect(slice.write(0, bytes(1))).rejects.toThrow(CapabilityError);
    expect(readOnly(guarded)).toBe(guarded);
  });
});

describe('copyRange and writeZeroes', () => {
  it('copies, skipping holes, and clears what was there', async () => {
    const source = new MemoryDevice(5_000_000);
    await source.write(100, bytes(10));
    await source.write(3_000_000, bytes(1_200_000));
    const target = MemoryDevice.from(new Uint8Array(5_000_100).fill(0xaa));
    const reported: number[] = [];
    await copyRange(source, 0, target, 100, 5_000_000, { progress: ({ done }) => reported.push(done) });
    expect(Buffer.compare(await target.read(100, 5_000_000), await source.read(0, 5_000_000))).toBe(0);
    expect(await target.read(99, 1)).toEqual(new Uint8Array([0xaa]));
    expect(reported.at(-1)).toBe(5_000_000);
    await writeZeroes(target, 1, 98, { allocate: true });
    expect(await target.read(0, 100)).toEqual(Uint8Array.from([0xaa, ...new Uint8Array(98), 0xaa]));
  });
});

describe('metered', () => {
  it('counts, and keeps the roles', async () => {
    const metrics = new IoMetrics();
    const device = metered(new MemoryDevice(1000), metrics.layer('disk'));
    await device.write(0, bytes(10));
    await device.read(0, 20);
    await device.flush();
    await device.discard(0, 10);
    expect(isPeekable(device)).toBe(true);
    const counted = { reads: 1, bytesRead: 20, writes: 1, bytesWritten: 10, flushes: 1 };
    expect(metrics.snapshot().disk).toMatchObject(counted);
  });
});

import { describe, expect, it } from 'vitest';
import { CachedDevice, LayerMetrics, MemoryDevice, PAGE_SIZE } from '../../src/block/index.js';
import type { BlockDevice } from '../../src/contracts/index.js';
import { AbortedError, HostError, TruncatedImageError } from '../../src/errors/index.js';

const SIZE = 40 * PAGE_SIZE + 777;
const content = (): Uint8Array => Uint8Array.from({ length: SIZE }, (_, i) => (i * 7 + (i >> 9)) & 0xff);

/** A device on which every call takes a random number of turns, so that calls overlap in every order. */
function slow(
  inner: MemoryDevice,
  random: () => number,
): BlockDevice & { discard: MemoryDevice['discard']; reads: number } {
  const wait = async (): Promise<void> => {
    for (let turns = Math.floor(random() * 6); turns > 0; turns--)
      await new Promise((resolve) => setImmediate(resolve));
  };
  const device = {
    reads: 0,
    size: inner.size,
    sectorSize: 512,
    writable: true,
    async read(offset: number, length: number) {
      device.reads++;
      await wait();
      const data = await inner.read(offset, length);
      await wait();
      return data;
    },
    async write(offset: number, data: Uint8Array) {
      await wait();
      await inner.write(offset, data);
      await wait();
    },
    async discard(offset: number, length: number) {
      await wait();
      await inner.discard(offset, length);
      await wait();
    },
    flush: () => inner.flush(),
    close: () => inner.close(),
  };
  return device;
}

function numbers(seed: number): () => number {
  let x = seed;
  return () => {
    x = (Math.imul(x, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return x / 0x8000_0000;
  };
}

describe('CachedDevice', () => {
  it('is coherent when reads, writes and discards overlap', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = numbers(seed);
      const inner = MemoryDevice.from(content());
      const device = new CachedDevice(slow(inner, random), { maxBytes: 6 * PAGE_SIZE });
      const work: Promise<unknown>[] = [];
      for (let i = 0; i < 150; i++) {
        const offset = Math.floor(random() * (SIZE - 200_000));
        const length = Math.floor(random() * (random() < 0.3 ? 200_000 : 3000)) + 1;
        const kind = random();
        if (kind < 0.5) work.push(device.read(offset, length, { bulk: kind < 0.2 }));
        else if (kind < 0.95) work.push(device.write(offset, new Uint8Array(length).fill(i)));
        else work.push(device.discard!(offset, length));
        if (random() < 0.2) await Promise.all(work.splice(0));
      }
      await Promise.all(work);
      for (let at = 0; at < SIZE; at += 30_000) {
        const length = Math.min(30_000, SIZE - at);
        const wanted = await inner.read(at, length);
        expect(Buffer.compare(await device.read(at, length), wanted), `seed ${seed} at ${at}`).toBe(0);
        expect(Buffer.compare(await device.read(at, length, { bulk: true }), wanted)).toBe(0);
      }
    }
  });

  it('never changes what it has handed out', async () => {
    const device = new CachedDevice(MemoryDevice.from(content()));
    const first = await device.read(100, 50);
    const peeked = device.peek(100, 50)!;
    await device.write(90, new Uint8Array(100).fill(0xee));
    expect(first).toEqual(content().slice(100, 150));
    expect(peeked).toEqual(content().slice(100, 150));
    expect(device.peek(100, 50)).toEqual(new Uint8Array(50).fill(0xee));
  });

  it('shares one read below between readers of a page, and reads ahead', async () => {
    const below = slow(MemoryDevice.from(content()), () => 0.5);
    const metrics = new LayerMetrics();
    const device = new CachedDevice(below, { metrics });
    await Promise.all(Array.from({ length: 50 }, (_, i) => device.read(i * 100, 100)));
    expect(below.reads).toBe(1);
    for (let at = 0; at + 4096 <= SIZE; at += 4096) await device.read(at, 4096);
    expect(below.reads).toBeLessThan(10);
    expect(metrics.cacheHits).toBeGreaterThan(500);
    expect(metrics.bytesRead).toBe(SIZE);
  });

  it('keeps to its bytes', async () => {
    const device = new CachedDevice(MemoryDevice.from(content()), { maxBytes: 4 * PAGE_SIZE });
    for (let page = 0; page < 40; page++) await device.read(page * PAGE_SIZE, 10);
    let held = 0;
    for (let page = 0; page < 40; page++) if (device.peek(page * PAGE_SIZE, 10) !== undefined) held++;
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(4);
  });

  it('gives bytes beside a damaged place', async () => {
    const inner = MemoryDevice.from(content());
    const device = new CachedDevice({
      size: inner.size,
      sectorSize: 512,
      writable: false,
      read: async (offset, length) => {
        if (offset <= 5000 && offset + length > 5000) {
          throw new HostError({ path: 'disk', operation: 'read', errno: 'EIO', reason: 'bad block' });
        }
        return inner.read(offset, length);
      },
      write: async () => {},
      flush: async () => {},
      close: async () => {},
    });
    expect(await device.read(100, 20)).toEqual(content().slice(100, 120));
    await expect(device.read(4990, 20)).rejects.toThrow(HostError);
  });

  it('refuses spans past the end and calls cancelled before', async () => {
    const device = new CachedDevice(MemoryDevice.from(content()));
    await expect(device.read(SIZE - 5, 6)).rejects.toThrow(TruncatedImageError);
    expect(await device.read(SIZE - 5, 5)).toEqual(content().slice(-5));
    expect(device.peek(SIZE - 5, 6)).toBeUndefined();
    await expect(device.read(0, 1, { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
  });
});

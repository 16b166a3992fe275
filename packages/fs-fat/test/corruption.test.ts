import { MemoryDevice } from '@vmcraft/core/block';
import { isVmcraftError } from '@vmcraft/core/errors';
import { describe, expect, it } from 'vitest';
import { fatDriver } from '../src/index.js';
import { DIR, FILE, formatted, openWritable, pattern } from './support.js';

const MIB = 1024 * 1024;
const MUTATIONS = 80;
/** One mutated image, opened, walked, read, written and checked. */
const TIME_LIMIT_MS = 2000;
/** Nodes looked at; a hostile tree may be as deep as it likes. */
const MAX_NODES = 300;

async function populated(type: string, size: number): Promise<Uint8Array> {
  const device = await formatted(type, size, { blockSize: 512, label: 'FUZZ' });
  const fs = await openWritable(device);
  const dir = await fs.create(fs.root, 'a directory', { mode: DIR });
  const sub = await fs.create(dir, 'below', { mode: DIR });
  for (let i = 0; i < 12; i++) {
    const node = await fs.create(i % 2 === 0 ? sub : dir, `a file with a long name ${i}.txt`, { mode: FILE });
    await fs.write(node, 0, pattern(700 * i, i + 1));
  }
  await fs.unlink(dir, 'a file with a long name 3.txt');
  await fs.close();
  return (await device.read(0, device.size)).slice();
}

/** Open and use an image in every way; errors must be ours. */
async function use(device: MemoryDevice): Promise<void> {
  await fatDriver.probe(device);
  const guarded = async (task: () => Promise<unknown>): Promise<void> => {
    try {
      await task();
    } catch (error) {
      if (!isVmcraftError(error)) throw error;
      expect(error.code).not.toBe('VMC_BUG');
    }
  };
  await guarded(async () => {
    const fs = await fatDriver.open(device, { readonly: true, limits: { maxDirEntries: 5000, maxExtents: 20_000 } });
    await guarded(() => fs.statfs());
    const stack = [fs.root];
    for (let seen = 0, dir = stack.pop(); dir !== undefined && seen < MAX_NODES; dir = stack.pop()) {
      const here = dir;
      await guarded(async () => {
        for await (const entry of fs.readdir(here)) {
          if (++seen >= MAX_NODES) break;
          if (entry.type === 'd') stack.push(entry.node);
          await guarded(() => fs.stat(entry.node));
          if (entry.type === 'f') await guarded(() => fs.read(entry.node, 0, 1 << 20));
        }
      });
    }
  });
  await guarded(() => fatDriver.check!(device));
  await guarded(async () => {
    const fs = await openWritable(device);
    await guarded(async () => fs.write(await fs.create(fs.root, 'new file.txt', { mode: FILE }), 3, pattern(3000)));
    await guarded(() => fs.rename(fs.root, 'a directory', fs.root, 'another'));
    await guarded(async () => {
      const dir = await fs.lookup(fs.root, 'another');
      if (dir !== undefined) await fs.unlink(dir, 'a file with a long name 5.txt');
    });
    await guarded(() => fs.close());
  });
}

/** A small generator of its own, so that a seed says all. */
function random(seed: number): (below: number) => number {
  let x = seed;
  return (below) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 2 ** 32) * below);
  };
}

/** Spans of the device where the structures lie. */
const SHAPES: [type: string, size: number, metadata: number][] = [
  ['fat12', 1 * MIB, 20_000],
  ['fat16', 3 * MIB, 60_000],
  ['fat32', 4 * MIB, 90_000],
  ['exfat', 1 * MIB, 40_000],
];

describe('mutated images', () => {
  it.each(SHAPES)('%s: a value or a VmcraftError, soon', async (type, size, metadata) => {
    const clean = await populated(type, size);
    const next = random(type.length * 7919 + size);
    for (let round = 0; round < MUTATIONS; round++) {
      const image = clean.slice();
      for (let n = 1 + next(4); n > 0; n--) {
        // Half of the hits into the boot sectors, the rest anywhere in the structures.
        const at = next(2) === 0 ? next(1024) : next(metadata);
        image[at] = next(3) === 0 ? 0xff : next(256);
      }
      const started = performance.now();
      await use(MemoryDevice.from(image));
      expect(performance.now() - started, `round ${round}`).toBeLessThan(TIME_LIMIT_MS);
    }
  });

  it.each(SHAPES)('%s: cut off anywhere', async (type, size) => {
    const clean = await populated(type, size);
    for (const length of [0, 100, 511, 512, 1024, 6144, 12_288, 20_000, 40_000, 65_536, size / 2, size - 512]) {
      const started = performance.now();
      await use(MemoryDevice.from(clean.slice(0, length)));
      expect(performance.now() - started).toBeLessThan(TIME_LIMIT_MS);
    }
  });
});

describe('damage that is named', () => {
  it('tells a loop in a chain from a long one', async () => {
    const device = await formatted('fat16', 8 * MIB, { blockSize: 1024 });
    const fs = await openWritable(device);
    const node = await fs.create(fs.root, 'LOOP', { mode: FILE });
    await fs.write(node, 0, pattern(10 * 1024));
    await fs.close();
    const boot = await device.read(0, 512);
    const table = (boot[14]! | (boot[15]! << 8)) * 512;
    // The sixth cluster (2 is the first) leads back to the third.
    await device.write(table + 7 * 2, Uint8Array.of(4, 0));
    const again = await fatDriver.open(device, { readonly: true });
    const loop = (await again.lookup(again.root, 'LOOP'))!;
    await expect(again.read(loop, 0, 10 * 1024)).rejects.toThrow(/chain is a loop/);
    expect((await fatDriver.check!(device)).clean).toBe(false);
  });

  it('enters no directory that contains itself', async () => {
    const device = await formatted('fat16', 8 * MIB, { blockSize: 1024 });
    const fs = await openWritable(device);
    const outer = await fs.create(fs.root, 'OUTER', { mode: DIR });
    await fs.create(outer, 'INNER', { mode: DIR });
    await fs.close();
    const raw = await device.read(0, device.size);
    const at = raw.findIndex((_, i) => i % 32 === 0 && String.fromCharCode(...raw.subarray(i, i + 8)) === 'INNER   ');
    await device.write(at + 26, Uint8Array.of(2, 0));
    const again = await fatDriver.open(device, { readonly: true });
    const inner = await again.lookup((await again.lookup(again.root, 'OUTER'))!, 'INNER');
    await expect(again.lookup(inner!, 'INNER')).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });
});

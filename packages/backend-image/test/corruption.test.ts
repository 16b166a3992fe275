import { requireTools } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { exercise, type ImageSeed, imageSeeds, mutate } from './fuzz.js';
import { temporaryFolder } from './oracle.js';

/** Mutations of each image here; a larger run belongs to the fuzz tests across packages. */
const MUTATIONS = 200;
const MAX_MS = 2000;
const MAX_GROWTH = 256 * 1024 * 1024;
/** Mutations that once went wrong, by image and seed. */
const KEPT: readonly (readonly [number, number])[] = [];

describe.runIf(requireTools('qemu-img', 'qemu-io'))('broken images', () => {
  const folder = temporaryFolder();
  let seeds: ImageSeed[] = [];
  beforeAll(async () => {
    seeds = await imageSeeds(folder);
  });

  it('gives a value or a VmcraftError, in bounded time and memory', { timeout: 300_000 }, async () => {
    const outcomes = new Map<string, number>();
    const before = process.memoryUsage().rss;
    const cases = seeds.flatMap((_, i) => Array.from({ length: MUTATIONS }, (__, n) => [i, n * 7919 + i] as const));
    for (const [index, number] of [...KEPT, ...cases]) {
      const seed = seeds[index] as ImageSeed;
      const started = performance.now();
      const outcome = await exercise(seed, mutate(seed.bytes, number)).catch((error: unknown) => {
        throw new Error(`${seed.name}, image ${index}, seed ${number}`, { cause: error });
      });
      const took = performance.now() - started;
      expect(took, `${seed.name}, image ${index}, seed ${number}`).toBeLessThan(MAX_MS);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(MAX_GROWTH);
    for (const outcome of ['ok', 'VMC_CORRUPT', 'VMC_TRUNCATED', 'VMC_UNSUPPORTED']) {
      expect(outcomes.get(outcome), outcome).toBeGreaterThan(10);
    }
  });

  it('gives a value or a VmcraftError for every length up to 4 KiB', { timeout: 120_000 }, async () => {
    for (const seed of seeds) {
      expect(await exercise(seed, seed.bytes), seed.name).toBe('ok');
      for (let length = 0; length <= 4096; length += length < 600 ? 31 : 509) {
        expect(await exercise(seed, seed.bytes.slice(0, length)), `${seed.name} cut to ${length}`).not.toBe('VMC_BUG');
      }
    }
  });
});

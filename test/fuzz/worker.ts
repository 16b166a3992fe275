// Mutates one sample many times. Says before each mutation which seed it tries, so that the parent knows what hung.
import { readFileSync } from 'node:fs';
import { isVmcraftError } from '@vmcraft/core';
import { exercise, type SampleKind } from './exercise.js';
import { mutate, usedSectors } from './mutate.js';

const [path, kind, format, first, count] = process.argv.slice(2) as [string, SampleKind, string, string, string];
const base = new Uint8Array(readFileSync(path));
const sectors = usedSectors(base);
/** Bytes of dropped buffers after which the collector runs. */
const GARBAGE = 24 * 1024 * 1024;
const tally = { ok: 0, refused: 0, slowest: 0, slowestSeed: 0, peak: 0, total: 0 };

for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  process.stdout.write(`${seed}\n`);
  const data = mutate(base, sectors, seed);
  const started = performance.now();
  try {
    await exercise(kind, data, format, seed % 3 === 0);
    tally.ok += 1;
  } catch (error) {
    if (!isVmcraftError(error) || error.code === 'VMC_BUG') {
      process.stdout.write(
        `FAILED ${seed} ${error instanceof Error ? error.stack : String(error)}\n`.replaceAll('\n', ' | '),
      );
      process.stdout.write('\n');
      process.exit(1);
    }
    tally.refused += 1;
  }
  const took = performance.now() - started;
  if (took > tally.slowest) Object.assign(tally, { slowest: took, slowestSeed: seed });
  tally.total += took;
  const { rss, arrayBuffers } = process.memoryUsage();
  tally.peak = Math.max(tally.peak, rss);
  // What one mutation leaves behind must not count for the next.
  if (arrayBuffers > GARBAGE || seed % 8 === 0) globalThis.gc?.();
}
process.stdout.write(`DONE ${JSON.stringify(tally)}\n`);

// What every worker of a group of samples does: mutate one sample many times, and say before each mutation which seed it tries,
// so that the parent knows what hung.
import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { isVmcraftError } from '@vmcraft/core';
import { mutate, type PatchedBytes, usedSectors } from './mutate.js';

/** Bytes of dropped buffers after which the collector runs. */
const GARBAGE = 24 * 1024 * 1024;

/**
 * Use a damaged sample as a user would. Throws what the code under test throws.
 * @param kind kind of the sample
 * @param format format of the sample, as its group names it
 * @param write whether to change things too; else the sample is sealed and may not be written
 */
export type Exercise = (kind: string, data: PatchedBytes, format: string, write: boolean) => Promise<void>;

/** Run the mutations that the command line of this worker names. */
export async function mutateSample(exercise: Exercise): Promise<void> {
  const [path, kind, format, first, count] = process.argv.slice(2) as [string, string, string, string, string];
  const base = new Uint8Array(readFileSync(path));
  const sectors = usedSectors(base);
  const tally = { ok: 0, refused: 0, slowest: 0, slowestSeed: 0, peak: 0, total: 0 };
  for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
    process.stdout.write(`${seed}\n`);
    const data = mutate(base, sectors, seed);
    const write = seed % 3 === 0;
    data.sealed = !write;
    const before = process.cpuUsage();
    if (await survives(() => exercise(kind, data, format, write), seed)) tally.ok += 1;
    else tally.refused += 1;
    // Everything is in memory, so time of the processor is what an idle machine's clock would show.
    const { user, system } = process.cpuUsage(before);
    const took = (user + system) / 1000;
    if (took > tally.slowest) Object.assign(tally, { slowest: took, slowestSeed: seed });
    tally.total += took;
    const { rss, arrayBuffers } = process.memoryUsage();
    tally.peak = Math.max(tally.peak, rss);
    // What one mutation leaves behind must not count for the next. Without a turn of the event loop the targets of weak references stay.
    await turn();
    if (arrayBuffers > GARBAGE || seed % 8 === 0) globalThis.gc?.();
  }
  process.stdout.write(`DONE ${JSON.stringify(tally)}\n`);
}

/** Whether it gave a value; false when it threw a typed error. Anything else ends the worker. */
async function survives(run: () => Promise<void>, seed: number): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    if (isVmcraftError(error) && error.code !== 'VMC_BUG') return false;
    const text = error instanceof Error ? error.stack : String(error);
    process.stdout.write(`${`FAILED ${seed} ${text}`.replaceAll('\n', ' | ')}\n`);
    process.exit(1);
  }
}

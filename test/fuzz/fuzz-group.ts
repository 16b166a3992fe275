import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { requireTools } from '@vmcraft/testkit';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const here = dirname(fileURLToPath(import.meta.url));
const MINUTE = 60_000;
/** One mutation may take this much time of the processor; on a loaded machine the clock is not the program's fault, so the watchdog waits longer. */
const LIMIT_MS = 2000;
const WATCHDOG_MS = 20_000;
const LIMIT_RSS = 256 * 1024 * 1024;
/** Mutations of a group, at least; kept seeds make each run the same. `VMCRAFT_FUZZ` asks for more. */
const TOTAL = Number(process.env.VMCRAFT_FUZZ ?? 20_000);
const FIRST_SEED = Number(process.env.VMCRAFT_FUZZ_SEED ?? 1);

/** One sample to damage. */
export interface Sample {
  readonly name: string;
  /** What it is, as the group's worker names it. */
  readonly kind: string;
  /** qemu's format name of an image; `raw` for all else. */
  readonly format: string;
  readonly path: string;
  /** Share of the group's mutations; 1 when not given. */
  readonly weight?: number;
}

/** Samples that one worker knows how to use. */
export interface FuzzGroup {
  readonly title: string;
  /** Programs that making the samples needs. */
  readonly needs: readonly string[];
  /** Name of the worker's file in this folder; it calls `mutateSample`. */
  readonly worker: string;
  /** Make all samples below `folder`. */
  make(folder: string): readonly Sample[] | Promise<readonly Sample[]>;
}

interface Outcome {
  readonly ok: number;
  readonly refused: number;
  readonly slowest: number;
  readonly slowestSeed: number;
  readonly peak: number;
  readonly problem?: string;
}

function runWorker(script: string, sample: Sample, count: number): Promise<Outcome> {
  const args = [
    '--max-old-space-size=192',
    '--expose-gc',
    script,
    sample.path,
    sample.kind,
    sample.format,
    String(FIRST_SEED),
    String(count),
  ];
  const worker = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve) => {
    const none = { ok: 0, refused: 0, slowest: 0, slowestSeed: 0, peak: 0 };
    let seed = '?';
    let outcome: Outcome | undefined;
    const bite = (): void => {
      outcome = { ...none, problem: `${sample.name}: seed ${seed} hangs` };
      worker.kill('SIGKILL');
    };
    let watchdog = setTimeout(bite, WATCHDOG_MS);
    createInterface({ input: worker.stdout }).on('line', (line) => {
      clearTimeout(watchdog);
      watchdog = setTimeout(bite, WATCHDOG_MS);
      if (line.startsWith('DONE ')) outcome = JSON.parse(line.slice(5));
      else if (line.startsWith('FAILED ')) outcome = { ...none, problem: `${sample.name}: ${line}` };
      else seed = line;
    });
    worker.once('close', (status) => {
      clearTimeout(watchdog);
      resolve(
        outcome ?? { ...none, problem: `${sample.name}: the process died at seed ${seed} with status ${status}` },
      );
    });
  });
}

/** Declare the test of one group: every mutation gives a value or a typed error, within time and memory. */
export function fuzzGroup(group: FuzzGroup): void {
  describe.runIf(requireTools(...group.needs))(group.title, () => defineTests(group));
}

function defineTests(group: FuzzGroup): void {
  let folder: string;
  let samples: readonly Sample[];
  let script: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-fuzz-'));
    samples = await group.make(folder);
    script = join(folder, 'worker.mjs');
    await build({
      entryPoints: [join(here, group.worker)],
      outfile: script,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      conditions: ['@vmcraft/source'],
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
      },
      logLevel: 'error',
    });
  }, 5 * MINUTE);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it(
    `${TOTAL} mutations give a value or a typed error, within time and memory`,
    async () => {
      const weightOf = ({ weight }: Sample): number => weight ?? 1;
      const weights = samples.reduce((sum, s) => sum + weightOf(s), 0);
      const countOf = (s: Sample): number => Math.ceil((TOTAL * weightOf(s)) / weights);
      const queue = [...samples];
      const outcomes = new Map<string, Outcome>();
      const lane = async (): Promise<void> => {
        for (let sample = queue.shift(); sample !== undefined; sample = queue.shift()) {
          outcomes.set(sample.name, await runWorker(script, sample, countOf(sample)));
        }
      };
      await Promise.all([lane(), lane()]);
      expect([...outcomes.values()].flatMap((o) => o.problem ?? [])).toEqual([]);
      if (process.env.VMCRAFT_FUZZ_VERBOSE !== undefined) console.table(Object.fromEntries(outcomes));
      for (const sample of samples) {
        const { name } = sample;
        const o = outcomes.get(name) as Outcome;
        expect(o.ok + o.refused, name).toBe(countOf(sample));
        // A sample that is always refused tests nothing behind its first check.
        expect(o.ok, `${name} opened`).toBeGreaterThan(0);
        expect(o.slowest, `${name} seed ${o.slowestSeed}, milliseconds`).toBeLessThan(LIMIT_MS);
        expect(o.peak, `${name}, bytes of memory`).toBeLessThan(LIMIT_RSS);
      }
    },
    40 * MINUTE,
  );
}

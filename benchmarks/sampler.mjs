// Runs programs and takes their wall time, processor time and peak memory.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from './host.mjs';

const TIME = findTool('time');
/** The shell's `time` has milliseconds of processor time; GNU time has the peak memory. */
const SCRIPT = 'TIMEFORMAT="%U %S"; time "$@" 2>&3';

/**
 * Run one program, its output thrown away.
 * @returns {Promise<{ wall: number, cpu: number, first: number, rss: number | undefined, bytes: number, text: string }>} milliseconds, MiB, bytes of output
 */
export async function runOnce({ argv, env = {}, output = 'count', folder }) {
  const memory = join(folder, 'peak-memory');
  const wrapped = TIME === undefined ? argv : [TIME, '-q', '-f', '%M', '-o', memory, ...argv];
  // Node would read certificates of this host at each start, which has nothing to do with the work.
  const { NODE_EXTRA_CA_CERTS: _certificates, ...inherited } = process.env;
  const started = performance.now();
  const child = spawn('bash', ['-c', SCRIPT, 'bash', ...wrapped], {
    env: { ...inherited, ...env },
    stdio: ['ignore', output === 'discard' ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const seen = { first: undefined, bytes: 0, text: '', times: '', complaint: '' };
  child.stdout?.on('data', (chunk) => {
    seen.first ??= performance.now() - started;
    seen.bytes += chunk.length;
    if (seen.text.length < 4096) seen.text += chunk.toString('latin1');
  });
  child.stderr.on('data', (chunk) => {
    seen.times += chunk;
  });
  child.stdio[3].on('data', (chunk) => {
    if (seen.complaint.length < 4096) seen.complaint += chunk;
  });
  const exited = new Promise((done) => child.once('exit', () => done(performance.now() - started)));
  const [wall, status] = await Promise.all([exited, new Promise((done) => child.once('close', done))]);
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${seen.complaint}${seen.times}`);
  const cpu = seen.times
    .trim()
    .split('\n')
    .at(-1)
    .split(' ')
    .reduce((sum, s) => sum + Number(s) * 1000, 0);
  const rss = TIME === undefined ? undefined : Number(readFileSync(memory, 'utf8').trim().split('\n').at(-1)) / 1024;
  rmSync(memory, { force: true });
  return { wall, cpu, first: seen.first ?? wall, rss, bytes: seen.bytes, text: seen.text };
}

/**
 * Measure several programs that do the same work, in turns, so that the load of the host falls on all of them alike.
 * A contestant may have `before` and `after`, which are not timed, and `samples` of its own.
 */
export async function measure(contestants, { samples, folder }) {
  const results = new Map(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < samples; round++) {
    for (const contestant of contestants) {
      if (round >= (contestant.samples ?? samples)) continue;
      await contestant.before?.();
      try {
        const sample = await runOnce({ ...contestant, folder });
        contestant.check?.(sample);
        results.get(contestant.name).push(sample);
      } finally {
        await contestant.after?.();
      }
    }
  }
  return new Map([...results].map(([name, list]) => [name, summarize(list)]));
}

/** Fastest, median and slowest of the samples of one program. */
export function summarize(samples) {
  const of = (key) => {
    const values = samples.map((sample) => sample[key]).sort((a, b) => a - b);
    return { min: values[0], median: values[values.length >> 1], max: values.at(-1) };
  };
  const rss = samples.some((sample) => sample.rss === undefined) ? undefined : of('rss').max;
  return { count: samples.length, wall: of('wall'), cpu: of('cpu'), first: of('first'), rss };
}

/** Run a program of the host; its complaint is in what it throws. */
export function host(command, ...args) {
  return execFileSync(findTool(command) ?? command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reapLeftovers } from '../src/index.js';
import { GUEST_NEEDS, smallGuest } from './small-guest.js';
import { type TestImage, traces } from './support.js';

const CLI = fileURLToPath(new URL('../../../bin/vmcraft', import.meta.url));
/** Milliseconds after the start; and after the command has begun to write. */
const STARTING = [20, 150, 250, 350, 450];
const WRITING = [1, 50, 200, 500, 1000];
/** More of them: which process is the last to let go of the mounts is a matter of luck. */
const TOGETHER = [1, 20, 50, 80, 100, 130, 150, 200, 300, 400, 500, 1000];

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** Processes of the helper that belongs to a process. */
async function helpersOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    const words = /^\d+$/.test(name) ? await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '') : '';
    if (words.includes(`vmcraft-host-${pid}-`)) found.push(Number(name));
  }
  return found;
}

/** A process and all below it. Of one that hangs in the kernel nothing tells but its number: it has no command line any more. */
async function familyOf(pid: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    const text = /^\d+$/.test(name) ? await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '') : '';
    const parent = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
    if (text !== '') parents.set(Number(name), parent);
  }
  const family = [pid];
  for (const member of family) for (const [child, parent] of parents) if (parent === member) family.push(child);
  return family;
}

/** What is left of a process that was killed when everything that ends by itself has ended. */
async function settledTraces({ pid, family }: Killed, except = ''): Promise<readonly string[]> {
  const look = async (): Promise<string[]> => {
    const left = (await traces(pid)).filter((trace) => except === '' || !trace.startsWith(except));
    const alive = family.filter((member) => existsSync(`/proc/${member}`));
    return [...left, ...alive.map((member) => `process ${member}`)];
  };
  let left = await look();
  for (let i = 0; i < 300 && left.length > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    left = await look();
  }
  return left;
}

interface Moment {
  /** Whether the delay counts from when the command has begun to write. */
  readonly writing: boolean;
  readonly withHelper?: boolean;
}

interface Killed {
  readonly pid: number;
  /** It and what it had started. */
  readonly family: readonly number[];
}

describe.runIf(requireTools(...GUEST_NEEDS))('killed with SIGKILL', { timeout: 240_000 }, () => {
  let image: TestImage;
  let before: string;

  beforeAll(async () => {
    image = await smallGuest(false);
    before = await hashOf(image.path);
  });

  afterAll(() => image.dispose());

  /** Start a command that writes without end and leaves much unwritten, and kill after a while. */
  async function killAfter(delay: number, { writing, withHelper = false }: Moment): Promise<Killed> {
    const words = ['run', image.path, '--image-format', 'raw', '-m', '/dev/sda', '--', 'sh', '-c'];
    const work = 'while true; do head -c 4000000 /dev/urandom > /grow; echo written; done';
    const child = spawn(CLI, [...words, work], { stdio: ['ignore', 'pipe', 'ignore'] });
    const pid = child.pid as number;
    const ended = new Promise((resolve) => child.once('close', resolve));
    const begun = new Promise((resolve) => child.stdout.on('data', resolve));
    if (writing) await Promise.race([begun, ended.then((code) => Promise.reject(new Error(`ended with ${code}`)))]);
    await new Promise((resolve) => setTimeout(resolve, delay));
    const family = await familyOf(pid);
    const victims = withHelper ? await helpersOf(pid) : [];
    for (const victim of [pid, ...victims]) {
      try {
        process.kill(victim, 'SIGKILL');
      } catch {
        // it has ended with another one
      }
    }
    await ended;
    return { pid, family };
  }

  it('at ten points: nothing is left, and the image is as it was', async () => {
    for (const writing of [false, true])
      for (const delay of writing ? WRITING : STARTING) {
        expect(await settledTraces(await killAfter(delay, { writing })), `${delay} ms`).toEqual([]);
        expect(await hashOf(image.path), `${delay} ms`).toBe(before);
      }
  });

  it('together with its helper: only a folder is left, which the next start removes', async () => {
    for (const delay of TOGETHER) {
      const killed = await killAfter(delay, { writing: true, withHelper: true });
      expect(await settledTraces(killed, 'vmcraft-host-'), `${delay} ms`).toEqual([]);
      await reapLeftovers();
      expect(await settledTraces(killed), `${delay} ms`).toEqual([]);
      expect(await hashOf(image.path), `${delay} ms`).toBe(before);
    }
  });
});

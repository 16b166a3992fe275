import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reapLeftovers } from '../src/index.js';
import { GUEST_NEEDS, smallGuest } from './small-guest.js';
import { type TestImage, traces } from './support.js';

const CLI = fileURLToPath(new URL('../../../bin/vmcraft', import.meta.url));
/** Milliseconds after the start, from before there is anything to a command that has been writing for a while. */
const POINTS = [20, 150, 250, 350, 450, 600, 800, 1000, 1400, 2000];

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

/** What is left when everything that ends by itself has ended. */
async function settledTraces(pid: number): Promise<readonly string[]> {
  let left = await traces(pid);
  for (let i = 0; i < 300 && left.length > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    left = await traces(pid);
  }
  return left;
}

describe.runIf(requireTools(...GUEST_NEEDS))('killed with SIGKILL', { timeout: 240_000 }, () => {
  let image: TestImage;
  let before: string;

  beforeAll(async () => {
    image = await smallGuest(false);
    before = await hashOf(image.path);
  });

  afterAll(() => image.dispose());

  /** Start a command that writes without end, and kill after a while. Gives the process that was ours. */
  async function killAfter(delay: number, withHelper: boolean): Promise<number> {
    const words = ['run', image.path, '--image-format', 'raw', '-m', '/dev/sda', '--', 'sh', '-c'];
    const child = spawn(CLI, [...words, 'echo x >> /grow; sync; while true; do sleep 0.01; done'], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve) => setTimeout(resolve, delay));
    const victims = withHelper ? await helpersOf(child.pid as number) : [];
    for (const pid of [child.pid as number, ...victims]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has ended with another one
      }
    }
    await ended;
    return child.pid as number;
  }

  it('at ten points: nothing is left, and the image is as it was', async () => {
    for (const delay of POINTS) {
      const pid = await killAfter(delay, false);
      expect(await settledTraces(pid), `${delay} ms`).toEqual([]);
      expect(await hashOf(image.path), `${delay} ms`).toBe(before);
    }
  });

  it('together with its helper: only a folder is left, which the next start removes', async () => {
    for (const delay of [500, 1500]) {
      const pid = await killAfter(delay, true);
      for (let i = 0; i < 100 && (await traces(pid)).some((t) => !t.startsWith('vmcraft-host-')); i++)
        await new Promise((resolve) => setTimeout(resolve, 50));
      await reapLeftovers();
      expect(await traces(pid), `${delay} ms`).toEqual([]);
      expect(await hashOf(image.path), `${delay} ms`).toBe(before);
    }
  });
});

import { SimulatedHost } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { BEFORE, IMAGES, see, session, stateOf } from './scenario.js';

/** Seeds of power losses tried at each point. */
const SEEDS = 8;

async function crashed(crashAt: number): Promise<SimulatedHost> {
  const host = new SimulatedHost(BEFORE, { crashAt });
  await session(host).catch((error: unknown) => {
    if (!host.hasCrashed) throw error;
  });
  return host;
}

/** How many changing calls the whole session makes. */
async function countCalls(): Promise<number> {
  const host = new SimulatedHost(BEFORE);
  await session(host);
  expect(stateOf(new Map(IMAGES.map((path) => [path, host.contents(path)!])))).toBe('after');
  expect(host.paths).toEqual([...IMAGES].sort());
  return host.calls;
}

async function expectWhole(host: SimulatedHost, label: string): Promise<string> {
  const virtual = stateOf(await see(host, false));
  expect(virtual, `${label}, opened read-only`).toBeDefined();
  const real = stateOf(await see(host, true));
  expect(real, `${label}, opened for writing`).toBe(virtual);
  expect(stateOf(new Map(IMAGES.map((path) => [path, host.contents(path)!]))), `${label}, on the host`).toBe(real);
  expect(
    host.paths.filter((path) => path.endsWith('.vmcraft-journal')),
    `${label}: nothing is left`,
  ).toEqual([]);
  return real!;
}

describe('a commit that is interrupted at every point', () => {
  it('leaves all images as before or all as after a kill', async () => {
    const states: string[] = [];
    const calls = await countCalls();
    for (let n = 1; n <= calls; n++) {
      const host = await crashed(n);
      expect(host.hasCrashed).toBe(true);
      states.push(await expectWhole(host.restart(undefined), `kill at call ${n}`));
    }
    expect(states[0]).toBe('before');
    expect(states.at(-1)).toBe('after');
    expect(states.join(' ')).toMatch(/^(before )+(after ?)+$/);
  });

  it('leaves all images as before or all as after a power loss, with writes lost and torn', async () => {
    const calls = await countCalls();
    for (let n = 1; n <= calls; n++) {
      for (let seed = 0; seed < SEEDS; seed++) {
        const host = await crashed(n);
        await expectWhole(host.restart(n * 1000 + seed), `power loss at call ${n}, seed ${n * 1000 + seed}`);
      }
    }
  });

  it('survives a second crash at every point of the recovery', async () => {
    const calls = await countCalls();
    for (let n = calls - 12; n <= calls; n += 3) {
      for (let m = 1; m <= 40; m++) {
        const host = (await crashed(n)).restart(n, { crashAt: m });
        await see(host, true).catch((error: unknown) => {
          if (!host.hasCrashed) throw error;
        });
        await expectWhole(host.restart(m), `power loss at call ${n} and again at ${m}`);
        if (!host.hasCrashed) break;
      }
    }
  });
});

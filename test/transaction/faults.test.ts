import { HostError, isVmcraftError, LockedError, TransactionalFiles } from '@vmcraft/core';
import { faultyHostFiles, SimulatedHost } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { BEFORE, edit, IMAGES, noise, see, session, stateOf } from './scenario.js';

/** Calls of a whole session, none failing. */
async function countCalls(memoryLimit?: number): Promise<number> {
  const { files, counter } = faultyHostFiles(new SimulatedHost(BEFORE), {});
  await session(files, memoryLimit === undefined ? {} : { memoryLimit });
  return counter.calls;
}

async function expectFault(failAt: number, sticky: boolean, errno: string, memoryLimit: number): Promise<void> {
  const host = new SimulatedHost(BEFORE);
  const { files } = faultyHostFiles(host, { failAt, sticky, errno });
  let failure: unknown;
  await session(files, { memoryLimit }).catch((error: unknown) => {
    failure = error;
  });
  if (failure !== undefined) expect(isVmcraftError(failure), String(failure)).toBe(true);
  const state = stateOf(await see(host.restart(undefined), true));
  expect(state, `call ${failAt}`).toBeDefined();
  if (failure === undefined) expect(state).toBe('after');
}

describe('the n-th call to the host fails, for every n', () => {
  it.each([
    ['EIO', false, 1 << 20],
    ['ENOSPC', true, 1 << 20],
    ['EIO', true, 0],
    ['ENOSPC', false, 0],
  ])('%s, again and again: %s, memory %d', async (errno, sticky, memoryLimit) => {
    const calls = await countCalls(memoryLimit);
    expect(calls).toBeGreaterThan(50);
    for (let n = 1; n <= calls; n++) await expectFault(n, sticky, errno, memoryLimit);
  });

  it('and the same session can commit when the host is well again', async () => {
    const calls = await countCalls();
    let retried = 0;
    for (let n = 1; n <= calls; n++) {
      const host = new SimulatedHost(BEFORE);
      const { files, counter } = faultyHostFiles(host, { failAt: n, errno: 'ENOSPC' });
      const transaction = new TransactionalFiles(files);
      await edit(transaction).catch(() => {});
      if (counter.calls < n) {
        const committed = await transaction.commit().catch((error: unknown) => {
          expect(error).toBeInstanceOf(HostError);
          return undefined;
        });
        if (committed === undefined) {
          retried++;
          expect((await transaction.commit()).committed).toBe(true);
        }
        expect(stateOf(await see(host.restart(undefined), true)), `call ${n}`).toBe('after');
      }
      await transaction.close();
    }
    expect(retried).toBeGreaterThan(20);
  });
});

describe('a full host disk', () => {
  it('is found before anything is written', async () => {
    const used = [...BEFORE.values()].reduce((total, { length }) => total + length, 0);
    const host = new SimulatedHost(BEFORE, { capacity: used + 40_000 });
    const files = new TransactionalFiles(host);
    await edit(files);
    const error = await files.commit().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(HostError);
    expect((error as HostError).data.errno).toBe('ENOSPC');
    expect(host.paths).toEqual([...IMAGES].sort());
    await files.close();
    expect(stateOf(await see(host, true))).toBe('before');
  });
});

describe('an image that changes between opening and commit', () => {
  it('is not written over', async () => {
    const host = new SimulatedHost(BEFORE);
    const files = new TransactionalFiles(host);
    await edit(files);
    host.tamper(IMAGES[1], 7, new Uint8Array([1]));
    await expect(files.commit()).rejects.toThrow(LockedError);
    await files.close();
    expect(Buffer.compare(host.contents(IMAGES[0])!, BEFORE.get(IMAGES[0])!)).toBe(0);
    expect(host.contents(IMAGES[1])![7]).toBe(1);
  });

  it('is not written over when another file took its place', async () => {
    const host = new SimulatedHost(BEFORE);
    const files = new TransactionalFiles(host);
    await edit(files);
    host.replace(IMAGES[0], noise(1000, 99));
    await expect(files.commit()).rejects.toThrow(LockedError);
    await files.close();
    expect(host.contents(IMAGES[0])).toEqual(noise(1000, 99));
  });
});

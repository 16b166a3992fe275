import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isVmcraftError, type Warning } from '@vmcraft/core';
import { requireTools, seededRandom } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { createHive, memorySource, openHive, walkKeys } from '../src/index.js';
import { problems } from './integrity.js';
import { changedPages, dirtyHive, newLog, oldLog } from './logs.js';
import { blocks, committed, DATA, hivexBlocks, loadFile } from './support.js';

const DIRTY = 'hive/dirty/NewDirtyHive1';

describe.runIf(requireTools(`data:${resolve(DATA, DIRTY)}`))('a hive that Windows left dirty', () => {
  const log = (name: string): Uint8Array => new Uint8Array(readFileSync(resolve(DATA, DIRTY, name)));
  const logs = ['NewDirtyHive.LOG1', 'NewDirtyHive.LOG2'].map((name) => memorySource(log(name)));
  const recovered = loadFile(`${DIRTY}/RecoveredHive_Windows10.gz`);

  it('is read as Windows recovered it, and not changed by that', async () => {
    const bytes = loadFile(`${DIRTY}/NewDirtyHive.gz`);
    const before = bytes.slice();
    const warnings: Warning[] = [];
    const hive = await openHive(memorySource(bytes), { logs, warn: (warning) => warnings.push(warning) });
    expect(await blocks(hive.root)).toEqual(await blocks((await openHive(memorySource(recovered))).root));
    expect(Buffer.compare(bytes, before)).toBe(0);
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('4 changes are taken from its log'),
    ]);
  });

  it('has the very bins that Windows wrote', async () => {
    const hive = await openHive(memorySource(loadFile(`${DIRTY}/NewDirtyHive.gz`)), { logs });
    const [ours, theirs] = [await hive.bytes(), recovered.subarray(0, 4096 + 20480)];
    expect(Buffer.compare(ours.subarray(4096), theirs.subarray(4096))).toBe(0);
  });

  it('is whole after a commit', async () => {
    const source = memorySource(loadFile(`${DIRTY}/NewDirtyHive.gz`));
    const hive = await openHive(source, { logs, writable: true });
    await hive.commit();
    const again = await openHive(memorySource(source.bytes()), { warn: () => expect.unreachable('it is clean') });
    expect(await blocks(again.root)).toEqual(await blocks((await openHive(memorySource(recovered))).root));
    expect(source.size).toBe(262_144);
  });

  it('is read as it stands, with a warning, when its logs are missing', async () => {
    const warnings: Warning[] = [];
    const source = memorySource(loadFile(`${DIRTY}/NewDirtyHive.gz`));
    const hive = await openHive(source, { warn: (warning) => warnings.push(warning) });
    expect((await hive.root.subkeyNames()).length).toBe(2);
    expect(warnings[0]?.message).toContain('no log belongs to its state');
  });
});

describe('logs', () => {
  /** The same hive at three moments. */
  const states: Uint8Array<ArrayBuffer>[] = [];
  const content: string[][] = [];

  beforeAll(async () => {
    const hive = await createHive({ now: () => new Date(1e12) });
    for (let state = 0; state < 3; state++) {
      for (let i = 0; i < 200; i++) await hive.root.createKey(`Key ${state}\\Sub ${i}`);
      await hive.root.setValue('long', 'REG_BINARY', new Uint8Array(30_000).fill(state));
      states.push(await committed(hive));
      content.push(await blocks(hive.root));
    }
  });

  const step = (from: number, to: number, sequence: number) => {
    const [before, after] = [states[from]!, states[to]!];
    return { sequence, after, pages: changedPages(before, after, 4096) };
  };
  const sequenceOf = (bytes: Uint8Array): number => new DataView(bytes.buffer).getUint32(8, true);
  const open = (bytes: Uint8Array<ArrayBuffer>, ...logs: Uint8Array<ArrayBuffer>[]) =>
    openHive(memorySource(bytes), { logs: logs.map((log) => memorySource(log)) });
  const start = (): number => sequenceOf(states[0]!);

  it('new: one log', async () => {
    const hive = await open(
      dirtyHive(states[0]!, start()),
      newLog(states[0]!, [step(0, 1, start()), step(1, 2, start() + 1)]),
    );
    expect(await blocks(hive.root)).toEqual(content[2]);
    expect(await problems(hive)).toEqual([]);
  });

  it('new: two logs, in either order, beside an empty one', async () => {
    const first = newLog(states[0]!, [step(0, 1, start())]);
    const second = newLog(states[0]!, [step(1, 2, start() + 1)]);
    for (const logs of [
      [new Uint8Array(0), first, second],
      [second, first],
    ]) {
      const hive = await open(dirtyHive(states[0]!, start()), ...logs);
      expect(await blocks(hive.root)).toEqual(content[2]);
    }
  });

  it('new: entries that were applied before are passed', async () => {
    const hive = await open(
      dirtyHive(states[1]!, start() + 1),
      newLog(states[0]!, [step(0, 1, start()), step(1, 2, start() + 1)]),
    );
    expect(await blocks(hive.root)).toEqual(content[2]);
  });

  it('new: a wrong hash or a gap in the numbers ends it', async () => {
    const broken = newLog(states[0]!, [step(0, 1, start()), step(1, 2, start() + 1)]);
    broken[broken.length - 600]! ^= 1;
    expect(await blocks((await open(dirtyHive(states[0]!, start()), broken)).root)).toEqual(content[1]);
    const gap = newLog(states[0]!, [step(0, 1, start()), step(1, 2, start() + 2)]);
    expect(await blocks((await open(dirtyHive(states[0]!, start()), gap)).root)).toEqual(content[1]);
    const other = newLog(states[0]!, [step(0, 2, start() + 5)]);
    expect(await blocks((await open(dirtyHive(states[0]!, start()), other)).root)).toEqual(content[0]);
  });

  it('new: a damaged base block comes from the log', async () => {
    const bytes = dirtyHive(states[0]!, start());
    bytes[13]! ^= 0xff;
    await expect(open(bytes)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
    const hive = await open(bytes, newLog(states[0]!, [step(0, 1, start()), step(1, 2, start() + 1)]));
    expect(await blocks(hive.root)).toEqual(content[2]);
  });

  it('old: applied when its time is the hive’s', async () => {
    const log = oldLog(states[0]!, step(0, 2, start() + 1));
    const hive = await open(dirtyHive(states[0]!, start()), log);
    expect(await blocks(hive.root)).toEqual(content[2]);
    expect(await problems(hive)).toEqual([]);
    const bytes = dirtyHive(states[0]!, start());
    bytes[4]! ^= 0xff;
    expect(await blocks((await open(bytes, log)).root)).toEqual(content[2]);
    const strange = log.slice();
    strange[13]! ^= 1;
    expect(await blocks((await open(dirtyHive(states[0]!, start()), strange)).root)).toEqual(content[0]);
  });

  it('are not looked at when the hive is whole', async () => {
    const hive = await open(states[0]!.slice(), newLog(states[0]!, [step(0, 2, start())]));
    expect(await blocks(hive.root)).toEqual(content[0]);
  });

  it.runIf(requireTools('hivexregedit'))('commit makes a hive that others read', async () => {
    const source = memorySource(dirtyHive(states[0]!, start()));
    const logs = [memorySource(newLog(states[0]!, [step(0, 2, start())]))];
    const hive = await openHive(source, { logs, writable: true });
    await hive.commit();
    expect(hivexBlocks(source.bytes())).toEqual(content[2]);
  });

  it('damaged, end in a value or a typed error', async () => {
    const random = seededRandom(7);
    const news = newLog(states[0]!, [step(0, 1, start()), step(1, 2, start() + 1)]);
    const old = oldLog(states[0]!, step(0, 2, start() + 1));
    let opened = 0;
    for (let i = 0; i < 600; i++) {
      const log = (i % 2 === 0 ? news : old).slice(0, i % 7 === 0 ? Math.floor(random() * news.length) : undefined);
      for (let n = 0; n < 3; n++) {
        const at = Math.floor(random() * Math.min(log.length, n === 0 ? 1200 : log.length));
        log[at] = Math.floor(random() * 256);
      }
      try {
        const hive = await open(dirtyHive(states[0]!, start()), log);
        for await (const _ of walkKeys(hive.root));
        opened++;
      } catch (error) {
        if (!isVmcraftError(error) || error.code === 'VMC_BUG') throw error;
      }
    }
    expect(opened).toBeGreaterThan(300);
  });
});

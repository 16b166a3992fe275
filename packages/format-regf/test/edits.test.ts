import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { createHive, memorySource, openHive } from '../src/index.js';
import { problems } from './integrity.js';
import { RandomEdits } from './model.js';
import { blocks, committed, hivexBlocks, modelBlocks, output, withFile } from './support.js';

describe.runIf(requireTools('hivexregedit', 'hivexml', 'reglookup'))('random changes', () => {
  it.each([
    [1, 3],
    [2, 5],
    [3, 6],
    [4, 5],
  ] as const)(
    'seed %i, version 1.%i: others read what was written',
    { timeout: 300_000 },
    async (seed, minorVersion) => {
      const hive = await createHive({ minorVersion });
      const edits = new RandomEdits(hive, seed);
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 250; i++) await edits.step();
        const bytes = await committed(hive);
        expect(await problems(hive)).toEqual([]);
        const expected = modelBlocks(edits.root);
        expect(await blocks(hive.root)).toEqual(expected);
        const again = await openHive(memorySource(bytes));
        expect(await blocks(again.root)).toEqual(expected);
        if (round === 1) continue;
        expect(hivexBlocks(bytes)).toEqual(expected);
        const lines = withFile(bytes, (path) => output('reglookup', path)).split('\n');
        expect(lines.filter((line) => /,KEY,/.test(line)).length).toBe(expected.length);
      }
    },
  );
});

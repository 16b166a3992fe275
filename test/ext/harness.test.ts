import { requireTools } from '@vmcraft/testkit';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { FEATURE_SETS } from './feature-sets.js';
import { aim, intents } from './generate.js';
import { Workspace } from './image.js';
import { KernelMount } from './kernel-mount.js';
import { Model } from './model.js';
import { describeDifferences } from './tree.js';

describe.runIf(requireTools('root', 'python3', 'mke2fs', 'mount'))('the differential harness itself', () => {
  const space = new Workspace();
  afterAll(() => space.remove());

  it('gives the same outcomes on two kernel mounts, mostly successes, and sees one changed byte', async () => {
    const args = FEATURE_SETS.find((s) => s.name === 'ext4')!.args;
    const a = KernelMount.open(await space.mke2fs('a.img', 96, args));
    const b = KernelMount.open(await space.mke2fs('b.img', 96, args));
    try {
      const model = new Model();
      const codes = new Map<string, number>();
      const list = fc.sample(intents(600), { seed: 7, numRuns: 1 })[0]!;
      for (const [i, intent] of list.entries()) {
        const operation = aim(model, intent, i);
        const [left, right] = [await a.apply(operation), await b.apply(operation)];
        expect([left, operation]).toEqual([right, operation]);
        if (left === 'OK') model.apply(operation);
        codes.set(left, (codes.get(left) ?? 0) + 1);
      }
      expect(codes.get('OK')).toBeGreaterThan(300);
      expect(codes.size).toBeGreaterThan(5);
      const known = new Set(model.paths(() => true));
      const tree = await a.tree();
      expect(tree.filter((e) => known.has(e.path)).length).toBe(known.size);
      expect(describeDifferences(tree, await b.tree(), new Set())).toEqual([]);
      const file = tree.find((e) => (e.size ?? 0) > 10 && e.digest !== undefined)!;
      expect(await a.apply({ op: 'write', path: file.path, offset: 3, length: 1, seed: 200 })).toBe('OK');
      expect(describeDifferences(await a.tree(), await b.tree(), new Set())).toHaveLength(1);
    } finally {
      await a.close();
      await b.close();
    }
  });
});

import { extDriver } from '@vmcraft/fs-ext';
import { requireTools } from '@vmcraft/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { Differential } from './differential.js';
import { FEATURE_SETS } from './feature-sets.js';
import { intents } from './generate.js';
import { Workspace } from './image.js';

/** A fixed seed gives the same operations everywhere; VMCRAFT_EXT_SEED and VMCRAFT_EXT_RUNS search further. */
const SEED = Number(process.env.VMCRAFT_EXT_SEED ?? 20_260_101);
const RUNS = Number(process.env.VMCRAFT_EXT_RUNS ?? 1);
const OPERATIONS = Number(process.env.VMCRAFT_EXT_OPERATIONS ?? 400);

describe.runIf(requireTools('root', 'python3', 'mke2fs', 'e2fsck', 'mount'))('our engine against the kernel', () => {
  let space: Workspace;
  beforeEach(() => {
    space = new Workspace();
  });
  afterEach(() => space.remove());

  for (const [i, set] of FEATURE_SETS.entries()) {
    it(`${set.name} (seed ${SEED + i})`, { timeout: 60_000 * RUNS }, async () => {
      const property = fc.asyncProperty(intents(OPERATIONS), (list) =>
        new Differential(extDriver(), space, set).run(list),
      );
      await fc.assert(property, { seed: SEED + i, numRuns: RUNS, endOnFailure: true });
    });
  }
});

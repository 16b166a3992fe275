import { extDriver } from '@vmcraft/fs-ext';
import fc from 'fast-check';
import { Differential } from './differential.js';
import { FEATURE_SETS } from './feature-sets.js';
import { intents } from './generate.js';
import { Workspace } from './image.js';
const only = process.argv[2];
const runs = Number(process.argv[3] ?? 1);
const ops = Number(process.argv[4] ?? 400);
const seed0 = Number(process.argv[5] ?? 20_260_101);
for (const [i, set] of FEATURE_SETS.entries()) {
  if (only !== undefined && only !== 'all' && set.name !== only) continue;
  for (let r = 0; r < runs; r++) {
    const [list] = fc.sample(intents(ops), { seed: seed0 + i + r * 1000, numRuns: 1 });
    const space = new Workspace();
    const t = Date.now();
    try {
      await new Differential(extDriver(), space, set).run(list!);
      console.log('ok', set.name, r, Date.now() - t, 'ms');
    } catch (e) {
      console.log('FAIL', set.name, r, String((e as Error).message ?? e).slice(0, 3500), (e as Error).name === 'Disagreement' ? '' : (e as Error).stack?.slice(0, 1500));
    }
    space.remove();
  }
}

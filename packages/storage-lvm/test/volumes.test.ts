import { describe, expect, it } from 'vitest';
import { discover, expectedVolumes, fixtureDisks, sha256 } from './support.js';

describe.each(['linear', 'raid', 'ring', 'thin', 'snapshot', 'cache'])('fixture %s', (group) => {
  it('reads every volume as device mapper does', async () => {
    const { tree } = await discover(fixtureDisks(group));
    const found: Record<string, string> = {};
    for (const d of tree.devices) {
      if (d.kind === 'volume') found[d.name] = await sha256(d.device, 777_777).catch((e: Error) => e.message);
    }
    const expected = Object.fromEntries(expectedVolumes(group).map((v) => [v.name, v.sha256]));
    expect(found).toEqual(expected);
  });
});

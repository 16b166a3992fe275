import { describe, expect, it } from 'vitest';
import { discover, expectedVolumes, fixtureDisks, sha256 } from './support.js';

/** What every volume of a fixture reads as: a hash, or why not. */
async function readAll(group: string): Promise<Record<string, string>> {
  const { tree } = await discover(fixtureDisks(group));
  const found: Record<string, string> = {};
  for (const d of tree.devices) {
    // A step that divides nothing crosses every border within a read.
    if (d.kind === 'volume') found[d.name] = await sha256(d.device, 777_777).catch((e: Error) => e.message);
  }
  return found;
}

const expected = (group: string): Record<string, string> =>
  Object.fromEntries(expectedVolumes(group).map((v) => [v.name, v.sha256]));

describe('volumes read as device mapper reads them', () => {
  it.each(['linear', 'raid', 'ring', 'thin'])('fixture %s', async (group) => {
    expect(await readAll(group)).toEqual(expected(group));
  });

  it('fixture snapshot, after one overflowed and one began to be merged', async () => {
    const all = expected('snapshot');
    const found = await readAll('snapshot');
    const { '/dev/vgsnap/full': full, '/dev/vgsnap/overflown': overflown, ...rest } = found;
    const unchanged = ['origin', 'small', 'large'].map((name) => [`/dev/vgsnap/${name}`, all[`/dev/vgsnap/${name}`]]);
    expect(rest).toEqual({ ...Object.fromEntries(unchanged), '/dev/vgsnap/back': all['/dev/vgsnap/tomerge'] });
    expect(overflown).toContain('its store was full');
    expect(full).toMatch(/^[0-9a-f]{64}$/);
  });

  it('fixture cache: the origin where it has everything, else what is in the way', async () => {
    const all = expected('cache');
    const found = await readAll('cache');
    for (const name of ['through', 'volume', 'clean']) {
      expect(found[`/dev/vgcache/${name}`]).toBe(all[`/dev/vgcache/${name}`]);
    }
    expect(found['/dev/vgcache/dirty']).toMatch(/unsupported: a writeback cache with \d+ blocks/);
    expect(found['/dev/vgcache/slow']).toContain("unsupported: segment type 'writecache'");
    expect(found['/dev/vgcache/safe']).toContain("unsupported: segment type 'integrity'");
  });
});

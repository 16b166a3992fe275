import { describe, expect, it } from 'vitest';
import { discover, EXPECTED, fixtureMembers, sha256 } from './support.js';

/** Of which the hash is of something on top. */
const OTHER = ['stack'];
const names = [...EXPECTED.keys()].filter((name) => !OTHER.includes(name));

async function reading(members: Parameters<typeof discover>[0]) {
  const { array, text } = await discover(members);
  const hash = array === undefined ? 'no array' : await sha256(array.device).catch((error: Error) => error.message);
  return { hash, size: array?.device.size, text: text() };
}

describe('arrays read as md reads them', () => {
  it.each(names)('%s', async (name) => {
    const { sha256: hash, size } = EXPECTED.get(name)!;
    expect(await reading(fixtureMembers(name))).toMatchObject({ hash, size });
  });

  it.each(names)('%s, its disks in another order', async (name) => {
    expect((await reading(fixtureMembers(name).reverse())).hash).toBe(EXPECTED.get(name)!.sha256);
  });
});

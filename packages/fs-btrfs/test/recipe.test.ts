import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { devicesOf, linesOf, seenOf } from './fixtures.js';
import { BTRFS_TOOLS, scratch } from './support.js';

const FIXTURES = join(import.meta.dirname, 'fixtures');
/** Those that are made again: compressed, over several devices, grown from a seed. */
const AGAIN = ['sha256', 'raid10', 'sprout'];

describe('fixtures of Btrfs', () => {
  it('have the hashes that are written down', () => {
    for (const line of linesOf('SHA256SUMS')) {
      const [hash, name = ''] = line.split('  ');
      expect(
        createHash('sha256')
          .update(readFileSync(join(FIXTURES, name)))
          .digest('hex'),
        name,
      ).toBe(hash);
    }
  });
});

describe.runIf(requireTools(...BTRFS_TOOLS, 'unshare', 'btrfstune', 'getfattr'))('the recipe of the fixtures', () => {
  const { folder, remove } = scratch();
  afterAll(remove);

  it.each(AGAIN)('%s: mkfs.btrfs and the kernel of this host give the same', async (name) => {
    execFileSync(process.execPath, [join(FIXTURES, 'make.mjs'), folder, name], { stdio: 'pipe' });
    for (const text of ['tree.txt', 'attributes.txt']) expect(linesOf(text, folder)).toEqual(linesOf(text));
    const seen = await seenOf(await devicesOf(name, folder));
    expect(seen).toEqual({ tree: linesOf('tree.txt'), attributes: linesOf('attributes.txt') });
  });
});

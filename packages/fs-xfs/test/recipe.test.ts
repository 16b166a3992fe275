import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { deviceOf, linesOf, seenOf } from './fixtures.js';
import { scratch, XFS_TOOLS } from './support.js';

const FIXTURES = join(import.meta.dirname, 'fixtures');

describe('fixtures of XFS', () => {
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

describe.runIf(requireTools(...XFS_TOOLS, 'unshare', 'getfattr', 'setfattr', 'setfacl', 'xfs_io'))('the recipe', () => {
  const { folder, remove } = scratch();
  afterAll(remove);

  it.each(['today', 'blocks-1k'])('%s: mkfs.xfs and the kernel of this host give the same', async (name) => {
    execFileSync(process.execPath, [join(FIXTURES, 'make.mjs'), folder, name], { stdio: 'pipe' });
    const [tree, attributes] = ['tree.txt', 'attributes.txt'].map((text) => linesOf(text, folder).sort());
    expect(tree).toEqual(linesOf('tree.txt').sort());
    expect(attributes).toEqual(linesOf('attributes.txt').sort());
    expect(await seenOf(await deviceOf(name, folder))).toEqual({ tree, attributes });
  });
});

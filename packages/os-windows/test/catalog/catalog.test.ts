import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isVmcraftError } from '@vmcraft/core/errors';
import { requireTools, seededRandom } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { readCatalog } from '../../src/catalog/catalog.js';

const REAL = fileURLToPath(new URL('../../../../../shared/data/driver/qemufwcfg/qemufwcfg', import.meta.url));

describe.runIf(requireTools(`data:${REAL}.cat`))('a real catalog', () => {
  const bytes = new Uint8Array(readFileSync(`${REAL}.cat`));

  it('vouches for the INF beside it, and says who signed it', () => {
    const { members, signers } = readCatalog(bytes, 'qemufwcfg.cat');
    const sha1 = createHash('sha1')
      .update(readFileSync(`${REAL}.inf`))
      .digest('hex');
    expect(members).toEqual([{ algorithm: 'sha1', digest: sha1, file: 'qemufwcfg.inf' }]);
    expect(signers).toEqual(['Red Hat, Inc.']);
  });

  it('cut off anywhere, is an error', () => {
    for (let length = 0; length < bytes.length; length += 97) {
      expect(() => readCatalog(bytes.subarray(0, length), 'cut.cat')).toThrow(/corrupt cut\.cat/);
    }
  });

  it('changed anywhere, is a catalog or an error', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 4000; round++) {
      const copy = bytes.slice();
      for (let i = 0; i < 3; i++) copy[Math.floor(random() * 2000)] = Math.floor(random() * 256);
      try {
        readCatalog(copy, 'changed.cat');
      } catch (error) {
        if (!isVmcraftError(error)) throw error;
      }
    }
  });
});

describe('no catalog', () => {
  it.each([
    ['text', Buffer.from('no catalog')],
    ['nothing', Buffer.alloc(0)],
    ['a length without end', Buffer.from([0x30, 0x80, 0, 0])],
    ['a length of eight bytes', Buffer.from([0x30, 0x88, 1, 2, 3, 4, 5, 6, 7, 8])],
    ['signed data without a list', Buffer.from('300d06092a864886f70d010702a000', 'hex')],
  ])('%s', (_name, bytes) => {
    expect(() => readCatalog(bytes, 'bad.cat')).toThrow(/corrupt bad\.cat/);
  });
});

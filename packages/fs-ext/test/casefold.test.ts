import { execFileSync } from 'node:child_process';
import { encodeUtf8 } from '@vmcraft/core/binary';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { foldName, isUtf8, sameFolded } from '../src/casefold.js';
import { hashName } from '../src/dx-hash.js';

const PAIRS: readonly (readonly [string, string])[] = [
  ['Straße', 'STRASSE'],
  ['ΣΊΣΥΦΟΣ', 'σίσυφος'],
  ['Éclair', 'e\u0301clair'],
  ['ſun', 'SUN'],
  ['\u2126', 'ω'],
  ['Ꭰ', 'ꭰ'],
  ['soft\u00adhyphen', 'softhyphen'],
  ['ﬁle', 'FILE'],
  ['각', '\u1100\u1161\u11a8'],
];

describe('case folding', () => {
  it.each(PAIRS)('%s is %s', (a, b) => expect(sameFolded(encodeUtf8(a), encodeUtf8(b))).toBe(true));
  it('keeps the dotless i apart from i', () => expect(sameFolded(encodeUtf8('ı'), encodeUtf8('i'))).toBe(false));
  it('compares bytes where a name is not UTF-8', () => {
    expect(foldName(Uint8Array.of(0x41, 0xff))).toBeUndefined();
    expect(sameFolded(Uint8Array.of(0x41, 0xff), Uint8Array.of(0x61, 0xff))).toBe(false);
    expect(isUtf8(Uint8Array.of(0x41, 0xff))).toBe(false);
    expect(isUtf8(encodeUtf8('日本🗻'))).toBe(true);
  });

  it.runIf(requireTools('debugfs'))('folds as e2fsprogs does before hashing', () => {
    const names = PAIRS.flat();
    const seed = '00000000-0000-0000-0000-000000000000';
    const script = names.map((name) => `dx_hash -c -e utf8 -h half_md4 -s ${seed} "${name}"`).join('\n');
    const out = execFileSync('debugfs', ['-f', '-'], {
      input: script,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const theirs = [...out.matchAll(/is 0x([0-9a-f]+) /g)].map((m) => Number.parseInt(m[1]!, 16));
    // debugfs hashes with signed characters.
    expect(names.map((name) => hashName(foldName(encodeUtf8(name))!, 1, [0, 0, 0, 0]).hash)).toEqual(theirs);
  });
});

import { execFileSync } from 'node:child_process';
import { requireTools } from '@vmcraft/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashName } from '../src/dx-hash.js';

const SEED = '01234567-89ab-cdef-0123-456789abcdef';
/** The seed's bytes as the superblock holds them, read as little-endian words. */
const SEED_WORDS = [0x67452301, 0xefcdab89, 0x67452301, 0xefcdab89];

/** What debugfs says; it hashes with the signedness of the version asked for. */
function oracle(names: readonly string[], version: string): string[] {
  const script = names.map((name) => `dx_hash -h ${version} -s ${SEED} "${name}"`).join('\n');
  const out = execFileSync('debugfs', ['-f', '-'], {
    input: script,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return [...out.matchAll(/is 0x([0-9a-f]+) \(minor 0x([0-9a-f]+)\)/g)].map((m) => `${m[1]} ${m[2]}`);
}

const VERSIONS = { legacy: 0, half_md4: 1, tea: 2 } as const;

describe.runIf(requireTools('debugfs'))('directory hashes', () => {
  for (const [version, number] of Object.entries(VERSIONS)) {
    it(`${version} is what debugfs computes`, () => {
      const names = fc.sample(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._+-]{0,150}$/), { seed: 7, numRuns: 60 });
      const ours = names.map((name) => {
        const { hash, minor } = hashName(new TextEncoder().encode(name), number, SEED_WORDS);
        return `${hash.toString(16).padStart(8, '0')} ${minor.toString(16).padStart(8, '0')}`;
      });
      expect(ours).toEqual(
        oracle(names, version).map((line) =>
          line
            .split(' ')
            .map((w) => w.padStart(8, '0'))
            .join(' '),
        ),
      );
      expect(ours.length).toBe(60);
    });
  }

  it('signed and unsigned versions differ on bytes above 127 only', () => {
    const plain = new TextEncoder().encode('plain');
    const high = new TextEncoder().encode('höch');
    expect(hashName(plain, 1, SEED_WORDS)).toEqual(hashName(plain, 4, SEED_WORDS));
    expect(hashName(high, 1, SEED_WORDS)).not.toEqual(hashName(high, 4, SEED_WORDS));
  });
});

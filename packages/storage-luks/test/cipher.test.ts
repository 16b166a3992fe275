import { nodeCiphers } from '@vmcraft/core/runtime';
import { pattern } from '@vmcraft/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeSectorCipher } from '../src/cipher/sector-cipher.js';
import { parseCipher } from '../src/cipher/spec.js';
import { referenceEncrypt } from './container-file.js';

const CIPHERS = [
  ['aes-xts-plain64', 64],
  ['aes-xts-plain', 32],
  ['aes-cbc-essiv:sha256', 32],
  ['aes-cbc-plain64be', 24],
  ['aes-ecb', 16],
] as const;

describe('ciphers of sectors', () => {
  it.each(CIPHERS)('%s agrees with OpenSSL for any sectors, natively and portably', async (name, keyBytes) => {
    const key = pattern(keyBytes, 7);
    for (const ciphers of [nodeCiphers, undefined]) {
      const cipher = await makeSectorCipher(name, key, { ciphers });
      const property = fc.asyncProperty(
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 5 }),
        async (sector, count, shift) => {
          const first = name === 'aes-xts-plain' ? sector % 2 ** 32 : sector;
          const plain = pattern(count * 512, sector % 100);
          // Not on a boundary of 4 bytes, too.
          const data = new Uint8Array(count * 512 + shift).subarray(shift);
          data.set(plain);
          cipher.encrypt(data, first * 512);
          expect(data).toEqual(referenceEncrypt(name, key, plain, { firstSector: first }));
          cipher.decrypt(data, first * 512);
          expect(data).toEqual(plain);
        },
      );
      await fc.assert(property, { numRuns: 25 });
    }
  });

  it('chunks join without a seam', async () => {
    const key = pattern(64, 3);
    const cipher = await makeSectorCipher('aes-xts-plain64', key, { ciphers: nodeCiphers, sectorSize: 4096 });
    const data = pattern(300 * 1024, 1);
    const expected = referenceEncrypt('aes-xts-plain64', key, data.slice(), { sectorSize: 4096, firstSector: 80 });
    cipher.encrypt(data, 80 * 512);
    expect(Buffer.compare(data, expected)).toBe(0);
  });

  it('names of dm-crypt', () => {
    expect(parseCipher('aes-cbc-essiv:sha256')).toEqual({ cipher: 'aes', mode: 'cbc', iv: 'essiv', ivHash: 'sha256' });
    expect(parseCipher('aes')).toEqual({ cipher: 'aes', mode: 'cbc', iv: 'plain' });
    expect(parseCipher('aes-ecb')).toEqual({ cipher: 'aes', mode: 'ecb', iv: 'null' });
    expect(() => parseCipher('aes-cbc-essiv')).toThrow(/ESSIV without a hash/);
  });

  it('keys of a length that no cipher has', async () => {
    await expect(makeSectorCipher('aes-xts-plain64', pattern(48))).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
    await expect(makeSectorCipher('aes-cbc-plain', pattern(20))).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });
});

import { fromHex, toHex } from '@vmcraft/core/binary';
import { describe, expect, it } from 'vitest';
import { bootKeyOf } from '../../src/sam/boot-key.js';
import { domainKey, HashCipher } from '../../src/sam/hash-cipher.js';
import { UserField } from '../../src/sam/layout.js';
import { ntHashOf, parseNtHash } from '../../src/sam/password-hash.js';
import { rc4 } from '../../src/sam/rc4.js';
import { unlockedUser, userField, userName, withUserField } from '../../src/sam/user-value.js';

const SALT = new Uint8Array(16).fill(7);
const HASH = fromHex('8846f7eaee8fb117ad06bdd830b7586c');

describe('ciphers of the SAM', () => {
  it('RC4 gives the vectors of RFC 6229', () => {
    expect(toHex(rc4(fromHex('0102030405'), new Uint8Array(16)))).toBe('b2396305f03dc027ccc3524a0a1118a8');
    expect(toHex(rc4(fromHex('0102030405060708090a0b0c0d0e0f10'), new Uint8Array(16)))).toBe(
      '9ac7cc9a609d1ef7b2932899cde41b97',
    );
  });

  it('NT hashes are those that are published', async () => {
    expect(toHex(await ntHashOf(''))).toBe('31d6cfe0d16ae931b73c59d7e0c089c0');
    expect(toHex(await ntHashOf('password'))).toBe('8846f7eaee8fb117ad06bdd830b7586c');
    await expect(ntHashOf('x'.repeat(257))).rejects.toThrow(/256/);
    expect(() => parseNtHash('8846')).toThrow(/32 hexadecimal/);
  });

  it('the boot key is put in order', () => {
    expect(toHex(bootKeyOf(['00010203', '04050607', '08090a0b', '0c0d0e0f']))).toBe('080504020b090d030006010c0e0a0f07');
    expect(() => bootKeyOf(['00010203', '', '', ''])).toThrow(/no boot key/);
  });

  it.each([1, 2])('a hash of form %i is what it was', async (revision) => {
    const cipher = new HashCipher({ key: new Uint8Array(16).fill(9), revision }, 1001);
    const sealed = await cipher.seal(HASH, 'nt', new Uint8Array(0), SALT);
    expect(sealed).toHaveLength(revision === 1 ? 20 : 56);
    expect(await cipher.open(sealed, 'nt')).toEqual(HASH);
    expect(await cipher.open(sealed, 'lm')).not.toEqual(revision === 1 ? HASH : undefined);
    const none = await cipher.seal(undefined, 'nt', sealed, SALT);
    expect(none).toHaveLength(revision === 1 ? 4 : 24);
    expect(await cipher.open(none, 'nt')).toBeUndefined();
    const other = new HashCipher({ key: new Uint8Array(16).fill(9), revision }, 1002);
    expect(await other.open(sealed, 'nt')).not.toEqual(HASH);
  });

  it('refuses forms that do not exist', async () => {
    const cipher = new HashCipher({ key: new Uint8Array(16), revision: 1 }, 500);
    await expect(cipher.open(Uint8Array.of(1, 0, 3, 0), 'nt')).rejects.toThrow(/revision/);
    await expect(domainKey(new Uint8Array(0x70), SALT)).rejects.toThrow(/key revision 0/);
    const short = new Uint8Array(0x90);
    short[0x68] = 2;
    short[0x74] = 0xff;
    await expect(domainKey(short, SALT)).rejects.toThrow(/dataLength/);
    const wrong = new Uint8Array(0xb0);
    wrong[0x68] = 1;
    await expect(domainKey(wrong, SALT)).rejects.toThrow(/boot key does not fit/);
  });
});

describe('values of an account', () => {
  const table = (entries: Record<number, readonly [number, number]>, size: number): Uint8Array => {
    const v = new Uint8Array(0xcc + size);
    const view = new DataView(v.buffer);
    for (const [at, [offset, length]] of Object.entries(entries)) {
      view.setUint32(Number(at), offset, true);
      view.setUint32(Number(at) + 4, length, true);
    }
    return v;
  };

  it('grow at their end, and keep what they have', () => {
    const v = table({ [UserField.NAME]: [0, 6], [UserField.NT_HASH]: [8, 4] }, 13);
    v.set([0x42, 0, 0x6f, 0, 0x62, 0], 0xcc);
    const grown = withUserField(v, UserField.NT_HASH, new Uint8Array(20).fill(5));
    expect(userName(grown)).toBe('Bob');
    expect(userField(grown, UserField.NT_HASH)).toEqual(new Uint8Array(20).fill(5));
    expect(grown).toHaveLength(0xcc + 16 - 0 + 20 + ((4 - ((0xcc + 13) % 4)) % 4) - 3);
    const shrunk = withUserField(grown, UserField.NT_HASH, Uint8Array.of(1, 0, 1, 0));
    expect(shrunk).toHaveLength(grown.length);
    expect(userField(shrunk, UserField.NT_HASH)).toEqual(Uint8Array.of(1, 0, 1, 0));
  });

  it('are refused when they lead outside', () => {
    expect(() => userName(new Uint8Array(10))).toThrow(/truncated SAM user V/);
    expect(() => userName(table({ [UserField.NAME]: [4, 0xffffffff] }, 8))).toThrow(/corrupt SAM user V/);
    expect(() => unlockedUser(new Uint8Array(8))).toThrow(/truncated SAM user F/);
  });

  it('are unlocked', () => {
    const f = new Uint8Array(0x50);
    f.set([0x11, 0x04], 0x38);
    f.set([9, 0], 0x40);
    expect([...unlockedUser(f).subarray(0x38, 0x42)]).toEqual([0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AclEntry,
  aclAfterChmod,
  decodeDiskAcl,
  decodeXattrAcl,
  encodeDiskAcl,
  encodeXattrAcl,
  modeOfAcl,
} from '../src/acl.js';

const bits = fc.nat(7);
const acl: fc.Arbitrary<AclEntry[]> = fc
  .tuple(bits, bits, bits, bits, fc.uniqueArray(fc.nat(70_000), { maxLength: 5 }), bits)
  .map(([owner, group, mask, other, users, user]) => [
    { tag: 1, permissions: owner },
    ...users.sort((a, b) => a - b).map((id) => ({ tag: 2, permissions: user, id })),
    { tag: 4, permissions: group },
    ...(users.length > 0 ? [{ tag: 0x10, permissions: mask }] : []),
    { tag: 0x20, permissions: other },
  ]);

describe('access control lists', () => {
  it('survive both forms', () => {
    fc.assert(
      fc.property(acl, (list) => {
        expect(decodeDiskAcl(encodeDiskAcl(list))).toEqual(list);
        expect(decodeXattrAcl(encodeXattrAcl(list))).toEqual(list);
      }),
    );
  });

  it('stand for a mode, and follow one', () => {
    fc.assert(
      fc.property(acl, fc.nat(0o777), (list, mode) => {
        expect(modeOfAcl(aclAfterChmod(list, mode)).bits).toBe(mode);
        expect(modeOfAcl(list).minimal).toBe(list.length === 3);
      }),
    );
  });

  it('are refused when they are not valid', () => {
    const version = Uint8Array.of(2, 0, 0, 0);
    expect(() => decodeXattrAcl(Uint8Array.of(1, 0, 0, 0))).toThrow(FsError);
    expect(() => decodeXattrAcl(Uint8Array.of(...version, 1, 0, 7, 0, 255, 255, 255, 255))).toThrow(FsError);
    expect(decodeXattrAcl(version)).toEqual([]);
    expect(() => decodeDiskAcl(Uint8Array.of(1, 0, 0, 0, 2, 0, 7))).toThrow(CorruptImageError);
  });
});

import { describe, expect, it } from 'vitest';
import { otherReader } from '../../src/runtime/other-readers.js';

describe('what could open a type that no driver here opens', () => {
  it.each([
    ['hfsplus', /fs-host.*backend-libguestfs/],
    ['zfs_member', /OpenZFS/],
    ['ReFS', /Windows/],
    ['nvidia_raid_member', /dmraid/],
    ['crypto_LUKS', /--key/],
    ['swap', /not a file system/],
  ])('%s', (type, expected) => expect(otherReader(type)).toMatch(expected));

  it('nothing is made up of a type that is not known', () => {
    expect(otherReader('constructor')).toBeUndefined();
    expect(otherReader('nssx')).toBeUndefined();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inode } from '../src/inode.js';

const RULES = { hugeFile: true, largeDir: false, linux: true, wide: true, blockSize: 4096 };

function make(size: number, extra: number): Inode {
  const inode = new Inode(12, new Uint8Array(size), RULES);
  if (size > 128) inode.extraSize = extra;
  return inode;
}

describe('inode', () => {
  it('keeps times to the nanosecond from 1901 to 2446', () => {
    const seconds = fc.integer({ min: -0x80000000, max: 0x37fffffff });
    fc.assert(
      fc.property(seconds, fc.nat(999_999_999), (sec, nsec) => {
        const inode = make(256, 32);
        inode.setTime('mtime', { sec, nsec });
        inode.crtime = { sec, nsec };
        expect(inode.time('mtime')).toEqual({ sec, nsec });
        expect(inode.crtime).toEqual({ sec, nsec });
      }),
    );
  });

  it('keeps seconds of 32 bits in small inodes, and clamps what is beyond', () => {
    const inode = make(128, 0);
    inode.setTime('atime', { sec: 5_000_000_000, nsec: 7 });
    expect(inode.time('atime')).toEqual({ sec: 0x7fffffff, nsec: 0 });
    inode.setTime('atime', { sec: -5, nsec: 7 });
    expect(inode.time('atime')).toEqual({ sec: -5, nsec: 0 });
    expect(inode.crtime).toBeUndefined();
    const wide = make(256, 32);
    wide.setTime('atime', { sec: 99_999_999_999, nsec: 1 });
    expect(wide.time('atime').sec).toBe(0x37fffffff);
  });

  it('keeps device numbers in both encodings', () => {
    fc.assert(
      fc.property(fc.nat(4095), fc.nat(1_048_575), (major, minor) => {
        const inode = make(128, 0);
        inode.rdev = { major, minor };
        expect(inode.rdev).toEqual({ major, minor });
      }),
    );
  });

  it('keeps sizes, counts and owners that need their upper halves', () => {
    const inode = make(256, 32);
    inode.mode = 0o100644;
    inode.size = 2 ** 43 + 5;
    inode.blocks = 2 ** 40 + 8;
    inode.uid = 0xfffffffe;
    inode.gid = 100_000;
    inode.attributeBlock = 2 ** 33;
    expect([inode.size, inode.blocks, inode.uid, inode.gid]).toEqual([2 ** 43 + 5, 2 ** 40 + 8, 0xfffffffe, 100_000]);
    expect(inode.attributeBlock).toBe(2 ** 33);
  });
});

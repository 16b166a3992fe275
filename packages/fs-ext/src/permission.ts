import { FsError } from '@vmcraft/core/errors';
import type { Inode } from './inode.js';
import { FL } from './layout.js';

/** Refuse what the flags of an inode forbid even to root: i (immutable), a (append only), V (verity). @throws FsError EPERM */
export function refuseIf(inode: Inode, flags: number, operation: string): void {
  if (!inode.has(flags)) return;
  const which = inode.has(FL.IMMUTABLE & flags)
    ? 'immutable'
    : inode.has(FL.APPEND & flags)
      ? 'append-only'
      : 'verity-protected';
  throw new FsError('EPERM', { operation, path: `inode ${inode.ino}`, reason: `it is ${which}` });
}

/** Flags under which attributes, links and names of an inode may not change. */
export const FROZEN = FL.IMMUTABLE | FL.APPEND;

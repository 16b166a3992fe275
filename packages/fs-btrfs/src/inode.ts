import type { FsNode, Timestamp } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { InodeItem, Type } from './layout.js';
import type { Subvolume } from './subvolume.js';

/** An object of a subvolume. Its inode item is read when it is needed. */
export interface BtrfsNode extends FsNode {
  readonly subvolume: Subvolume;
  /** Inode number within the subvolume. */
  readonly objectid: number;
  /** Stands for a subvolume that a snapshot does not contain: an empty directory. */
  readonly isEmptyDir?: boolean;
}

/** What an inode item says. */
export interface Inode {
  readonly size: number;
  /** Allocated bytes. */
  readonly nbytes: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly rdev: { readonly major: number; readonly minor: number };
  readonly flags: number;
  readonly atime: Timestamp;
  readonly mtime: Timestamp;
  readonly ctime: Timestamp;
  readonly otime: Timestamp;
}

/** @throws CorruptImageError when there is no such inode */
export async function readInode(subvolume: Subvolume, objectid: number): Promise<Inode> {
  const item = await subvolume.items.find({ objectid, type: Type.inodeItem, offset: 0 });
  if (item === undefined) {
    throw new CorruptImageError({
      structure: 'btrfs_inode_item',
      field: 'objectid',
      found: objectid,
      expected: 'an inode of this subvolume',
    });
  }
  return decodeInode(item.data);
}

export function decodeInode(data: Uint8Array): Inode {
  const raw = InodeItem.decode(data);
  return {
    size: exact(raw.size, 'size'),
    nbytes: exact(raw.nbytes, 'nbytes'),
    nlink: raw.nlink,
    uid: raw.uid,
    gid: raw.gid,
    mode: raw.mode,
    // The kernel's dev_t: twenty bits of minor below the major number.
    rdev: { major: Number(raw.rdev >> MINOR_BITS) & 0xfff, minor: Number(raw.rdev & ((1n << MINOR_BITS) - 1n)) },
    flags: raw.flags,
    atime: { sec: raw.atimeSec, nsec: raw.atimeNsec },
    mtime: { sec: raw.mtimeSec, nsec: raw.mtimeNsec },
    ctime: { sec: raw.ctimeSec, nsec: raw.ctimeNsec },
    otime: { sec: raw.otimeSec, nsec: raw.otimeNsec },
  };
}
const MINOR_BITS = 20n;

/** @throws CorruptImageError */
function exact(value: number, field: string): number {
  if (Number.isSafeInteger(value)) return value;
  throw new CorruptImageError({ structure: 'btrfs_inode_item', field, found: value, expected: 'below 2^53' });
}

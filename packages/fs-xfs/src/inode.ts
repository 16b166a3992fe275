import { toSafeInteger, viewOf } from '@vmcraft/core/binary';
import type { FsNode, Timestamp } from '@vmcraft/core/contracts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '@vmcraft/core/contracts';
import { CorruptImageError, FsError } from '@vmcraft/core/errors';
import type { ForkBytes } from './extents.js';
import { BIG_TIME_EPOCH, FLAG_REALTIME, Flag2, Fork, INODE_MAGIC, Inode, Inode3 } from './layout.js';
import { blockOffset, type Volume, verifyChecksum } from './volume.js';

const KINDS: ReadonlySet<number> = new Set([S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK]);
const INODE_CHECKSUM = 100;

/** An inode. */
export interface XfsNode extends FsNode {
  readonly ino: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  /** Bytes. */
  readonly size: number;
  /** File-system blocks. */
  readonly blocks: number;
  readonly generation: number;
  readonly atime: Timestamp;
  readonly mtime: Timestamp;
  readonly ctime: Timestamp;
  readonly btime?: Timestamp;
  readonly rdev: { readonly major: number; readonly minor: number };
  readonly data: ForkBytes;
  readonly attributes?: ForkBytes;
  /** The contents are on the realtime device. */
  readonly isRealtime: boolean;
}

/** Where an inode lies: group, block and slot are in its number (chapter 13, "Inode Numbers"). @throws CorruptImageError */
function inodeOffset(volume: Volume, ino: bigint): number {
  const { inodesPerBlockLog, inodeSize } = volume.superblock;
  const slot = Number(ino & ((1n << BigInt(inodesPerBlockLog)) - 1n));
  return blockOffset(volume, ino >> BigInt(inodesPerBlockLog), 'inode number') + slot * inodeSize;
}

/** Read an inode. @throws CorruptImageError, FsError (ENOENT: it is not in use) */
export async function readInode(volume: Volume, number: bigint): Promise<XfsNode> {
  const ino = toSafeInteger(number, 'inode number');
  const offset = inodeOffset(volume, number);
  const raw = await volume.device.read(offset, volume.superblock.inodeSize);
  const inode = Inode.decode(raw, 0, offset);
  const bad = (field: string, found: unknown, expected: unknown): CorruptImageError =>
    new CorruptImageError({ structure: Inode.name, field, offset, found, expected });
  if (inode.magic !== INODE_MAGIC) throw bad('magic', inode.magic, INODE_MAGIC);
  if (inode.version < 1 || inode.version > 3 || (inode.version === 3) !== volume.isChecked) {
    throw bad('version', inode.version, volume.isChecked ? 3 : '1 or 2');
  }
  const v3 = inode.version === 3 ? Inode3.decode(raw) : undefined;
  if (v3 !== undefined) {
    verifyChecksum(raw, INODE_CHECKSUM, Inode.name, offset);
    if (v3.ino !== number) throw bad('ino', v3.ino, number);
  }
  if (inode.mode === 0) throw new FsError('ENOENT', { operation: 'read inode', reason: `inode ${ino} is not in use` });
  if (!KINDS.has(inode.mode & S_IFMT)) throw bad('mode', inode.mode, 'a type');
  const flags2 = v3?.flags2 ?? 0n;
  const time = (flags2 & Flag2.bigTime) !== 0n ? bigTime : smallTime;
  return {
    ino,
    mode: inode.mode,
    uid: inode.uid,
    gid: inode.gid,
    links: inode.version === 1 ? inode.linksOld : inode.links,
    size: toSafeInteger(inode.size, 'inode size'),
    blocks: toSafeInteger(inode.blocks, 'nblocks'),
    generation: inode.generation,
    atime: time(inode.accessTime),
    mtime: time(inode.modifyTime),
    ctime: time(inode.changeTime),
    ...(v3 === undefined ? {} : { btime: time(v3.createTime) }),
    isRealtime: (inode.flags & FLAG_REALTIME) !== 0,
    ...forks(raw, inode, v3 !== undefined, (flags2 & Flag2.largeExtentCounts) !== 0n, bad),
  };
}

type RawInode = ReturnType<typeof Inode.decode>;
type Bad = (field: string, found: unknown, expected: unknown) => CorruptImageError;

/** Chapter 16.2: the data fork follows the inode core; the attribute fork begins `forkOffset` words of 8 bytes after it. */
function forks(
  raw: Uint8Array,
  inode: RawInode,
  isVersion3: boolean,
  isLarge: boolean,
  bad: Bad,
): Pick<XfsNode, 'data' | 'attributes' | 'rdev'> {
  const start = isVersion3 ? Inode3.size : Inode.size;
  const boundary = start + inode.forkOffset * 8;
  if (boundary >= raw.length) throw bad('forkoff', inode.forkOffset, `below ${(raw.length - start) / 8}`);
  const data = raw.slice(start, inode.forkOffset === 0 ? raw.length : boundary);
  const count = isLarge ? toSafeInteger(inode.largeExtents, 'nextents') : inode.extents;
  const attributeCount = isLarge ? inode.extents : inode.attributeExtents;
  if (inode.format > Fork.btree) throw bad('format', inode.format, '0 to 3');
  const kind = inode.mode & S_IFMT;
  const device = kind === S_IFBLK || kind === S_IFCHR ? viewOf(data).getUint32(0) : 0;
  return {
    data: { format: inode.format, data, count },
    // Chapter 16.4: `sysv_encode_dev`, 14 bits of major and 18 of minor number.
    rdev: { major: device >>> 18, minor: device & 0x3ffff },
    ...(inode.forkOffset === 0
      ? {}
      : { attributes: { format: inode.attributeFormat, data: raw.slice(boundary), count: attributeCount } }),
  };
}

/** Seconds and nanoseconds, each of 32 bits; seconds may be negative. */
function smallTime(raw: bigint): Timestamp {
  return { sec: Number(BigInt.asIntN(32, raw >> 32n)), nsec: Number(raw & 0xffff_ffffn) };
}

/** Nanoseconds since the smallest time of 32 bits. */
function bigTime(raw: bigint): Timestamp {
  return { sec: Number(raw / 1_000_000_000n) + BIG_TIME_EPOCH, nsec: Number(raw % 1_000_000_000n) };
}

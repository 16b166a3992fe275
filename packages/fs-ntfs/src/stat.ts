import { alignUp, encodeUtf8 } from '@vmcraft/core/binary';
import { type FsStat, S_IFDIR, S_IFLNK, S_IFREG } from '@vmcraft/core/contracts';
import { type Attribute, isCompressed, isSparse, sizeOf } from './attribute.js';
import type { Geometry } from './geometry.js';
import type { Inode } from './inode.js';
import { AttributeType } from './layout.js';
import { IndexName } from './layout-index.js';
import type { MountOptions } from './mount-options.js';
import type { NtfsNode } from './node.js';
import type { SpecialFile } from './special-file.js';
import { fromTicks } from './time.js';

const STAT_UNIT = 512;
const RESIDENT_UNIT = 8;
const NO_DEVICE = { major: 0, minor: 0 } as const;

/** Bytes that an attribute takes on the volume; values in the record take the units of eight bytes that they fill, as in ntfs-3g. */
export function storedSize(attribute: Attribute | undefined, clusterSize: number): number {
  const body = attribute?.nonResident;
  if (attribute === undefined) return 0;
  if (body === undefined)
    return attribute.type === AttributeType.indexRoot ? 0 : alignUp(sizeOf(attribute), RESIDENT_UNIT);
  return isSparse(attribute) || isCompressed(attribute) ? body.runs.allocated * clusterSize : body.allocatedSize;
}

/** The attribute whose size stands for the file's. */
function sizedAttribute(inode: Inode, stream: string): Attribute | undefined {
  if (!inode.isDirectory || stream !== '') return inode.find(AttributeType.data, stream);
  return (
    inode.find(AttributeType.indexAllocation, IndexName.directory) ??
    inode.find(AttributeType.indexRoot, IndexName.directory)
  );
}

/** What stat(2) gives on an ntfs-3g mount without `permissions`. */
export function statOf(
  node: NtfsNode,
  inode: Inode,
  special: SpecialFile | undefined,
  options: MountOptions,
  geometry: Geometry,
): FsStat {
  const attribute = sizedAttribute(inode, node.stream);
  const { standard } = inode;
  const type = special?.type ?? (inode.isDirectory && node.stream === '' ? S_IFDIR : S_IFREG);
  const mask = type === S_IFDIR ? options.dmask : type === S_IFLNK ? 0 : options.fmask;
  const target = special?.target;
  const size = target !== undefined ? encodeUtf8(target).length : sizeOfOptional(attribute);
  return {
    ino: node.ino,
    mode: type | (0o777 & ~mask),
    nlink: type === S_IFDIR ? 1 : Math.max(1, inode.linkCount),
    uid: options.uid,
    gid: options.gid,
    rdev: special?.rdev ?? NO_DEVICE,
    size,
    blocks: Math.ceil(storedSize(attribute, geometry.clusterSize) / STAT_UNIT),
    blockSize: geometry.clusterSize,
    btime: fromTicks(standard.getBigUint64(0, true)),
    mtime: fromTicks(standard.getBigUint64(8, true)),
    ctime: fromTicks(standard.getBigUint64(16, true)),
    atime: fromTicks(standard.getBigUint64(24, true)),
  };
}

function sizeOfOptional(attribute: Attribute | undefined): number {
  return attribute === undefined ? 0 : sizeOf(attribute);
}

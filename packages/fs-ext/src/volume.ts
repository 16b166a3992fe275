import type { BlockDevice, FsLimits, WarningSink } from '@vmcraft/core/contracts';
import { TruncatedImageError } from '@vmcraft/core/errors';
import { BlockStore } from './block-store.js';
import type { ExtChecksum } from './checksum.js';
import type { Geometry } from './geometry.js';
import { GroupTable } from './group-table.js';
import { InodeTable } from './inode-table.js';
import { COMPAT, CREATOR_HURD, INCOMPAT, RO_COMPAT, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE } from './layout.js';
import { Superblock } from './superblock.js';

/** What every part of an opened file system works with. */
export interface Volume {
  readonly store: BlockStore;
  readonly superblock: Superblock;
  readonly geometry: Geometry;
  readonly checksum: ExtChecksum;
  readonly groups: GroupTable;
  readonly inodes: InodeTable;
  readonly limits: FsLimits;
  readonly warn: WarningSink;
  /** filetype: directory entries record the type. */
  readonly hasType: boolean;
  /** dir_index: indexed directories may be searched by their index. */
  readonly hasIndex: boolean;
}

/** Guards when the caller gives none. */
export const DEFAULT_LIMITS: FsLimits = { maxDirEntries: 20_000_000, maxExtents: 50_000_000 };

/** How {@link makeVolume} is told what to do. */
export interface VolumeOptions {
  readonly limits?: Partial<FsLimits> | undefined;
  readonly warn?: WarningSink | undefined;
}

/** Put the parts of a file system together over a device. */
export function makeVolume(device: BlockDevice, superblock: Superblock, options: VolumeOptions): Volume {
  const { geometry, checksum } = superblock;
  const store = new BlockStore(device, geometry.blockSize);
  const groups = new GroupTable(store, geometry, checksum);
  const rules = {
    hugeFile: superblock.hasRoCompat(RO_COMPAT.HUGE_FILE),
    largeDir: superblock.hasIncompat(INCOMPAT.LARGEDIR),
    linux: superblock.fields.creatorOs !== CREATOR_HURD,
    wide: superblock.hasIncompat(INCOMPAT.BIT64),
    blockSize: geometry.blockSize,
  };
  return {
    store,
    superblock,
    geometry,
    checksum,
    groups,
    inodes: new InodeTable(store, geometry, groups, checksum, rules),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    warn: options.warn ?? (() => {}),
    hasType: superblock.hasIncompat(INCOMPAT.FILETYPE),
    hasIndex: superblock.has(COMPAT.DIR_INDEX),
  };
}

/** @throws TruncatedImageError, CorruptImageError, UnsupportedFeatureError */
export async function readSuperblock(device: BlockDevice): Promise<Superblock> {
  const end = SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE;
  if (device.size < end) {
    const available = Math.max(0, device.size - SUPERBLOCK_OFFSET);
    throw new TruncatedImageError({
      structure: 'ext4_super_block',
      offset: SUPERBLOCK_OFFSET,
      needed: SUPERBLOCK_SIZE,
      available,
    });
  }
  return Superblock.parse((await device.read(SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE)).slice());
}

/** The parts of the file system that is on a device now. */
export async function openVolume(device: BlockDevice, options: VolumeOptions): Promise<Volume> {
  return makeVolume(device, await readSuperblock(device), options);
}

/** What one block was verified as; with the inode number it makes the key of `BlockStore.isVerified`. */
export const VERIFIED = { EXTENT: 0, DIRECTORY: 1, INDEX: 2, OTHER: 3 } as const;

/** Key of a verified block that belongs to inode `ino`. */
export function verifiedKey(ino: number, kind: number): number {
  return ino * 4 + kind;
}

import { CorruptImageError } from '@vmcraft/core/errors';
import { baseBlocksOf, blocksInGroup, firstBlockOf, type Geometry, hasSuperblock } from './geometry.js';
import type { GroupDescriptor } from './group-descriptor.js';
import { BG_BLOCK_UNINIT, BG_INODE_UNINIT } from './layout.js';
import { VERIFIED, type Volume } from './volume.js';

/** Set bits [from, to). */
export function setBits(bits: Uint8Array, from: number, to: number): void {
  for (let i = from; i < to; ) {
    if ((i & 7) === 0 && i + 8 <= to) {
      bits[i >> 3] = 0xff;
      i += 8;
    } else {
      bits[i >> 3]! |= 1 << (i & 7);
      i += 1;
    }
  }
}

/** Clear bits [from, to). */
export function clearBits(bits: Uint8Array, from: number, to: number): void {
  for (let i = from; i < to; i++) bits[i >> 3]! &= ~(1 << (i & 7));
}

/** Whether bit `i` is set. */
export function testBit(bits: Uint8Array, i: number): boolean {
  return (bits[i >> 3]! & (1 << (i & 7))) !== 0;
}

/** Bytes of a block bitmap that belong to the group (and to its checksum). */
export function blockBitmapBytes(g: Geometry): number {
  return Math.ceil(g.clustersPerGroup / 8);
}

/** Bytes of an inode bitmap that belong to the group. */
export function inodeBitmapBytes(g: Geometry): number {
  return Math.ceil(g.inodesPerGroup / 8);
}

function wrongChecksum(structure: string, group: number, expected: number, found: number): CorruptImageError {
  return new CorruptImageError({ structure: `${structure} of group ${group}`, field: 'checksum', expected, found });
}

/** A group's block bitmap as it stands on the device. Not to be changed. @throws CorruptImageError */
async function storedBlockBitmap(volume: Volume, d: GroupDescriptor): Promise<Uint8Array> {
  const { store, checksum, geometry } = volume;
  const data = await store.read(d.blockBitmap);
  const key = d.group * 4 + VERIFIED.INDEX;
  if (checksum.metadata && !store.isVerified(d.blockBitmap, key)) {
    const expected = d.truncateChecksum(checksum.bitmap(data.subarray(0, blockBitmapBytes(geometry))));
    if (expected !== d.blockBitmapChecksum) {
      throw wrongChecksum('block bitmap', d.group, expected, d.blockBitmapChecksum);
    }
    store.setVerified(d.blockBitmap, key);
  }
  return data;
}

/** A group's block bitmap, one bit a cluster; made up where the group was never initialised. Not to be changed. */
export async function blockBitmap(volume: Volume, group: number): Promise<Uint8Array> {
  const d = await volume.groups.read(group);
  if ((d.flags & BG_BLOCK_UNINIT) === 0 || !volume.checksum.descriptors) return storedBlockBitmap(volume, d);
  const bits = new Uint8Array(volume.geometry.blockSize);
  await initBlockBitmap(volume, d, bits);
  return bits;
}

/** The bitmap of a group that was never used (BLOCK_UNINIT): only its own metadata, and bits past its end. */
async function initBlockBitmap(volume: Volume, d: GroupDescriptor, bits: Uint8Array): Promise<void> {
  const { geometry } = volume;
  const { group } = d;
  bits.fill(0);
  const first = firstBlockOf(geometry, group);
  const count = blocksInGroup(geometry, group);
  const mark = (block: number, length: number): void => {
    const from = Math.max(block - first, 0);
    const to = Math.min(block + length - first, count);
    if (to <= from) return;
    setBits(bits, Math.floor(from / geometry.clusterRatio), Math.ceil(to / geometry.clusterRatio));
  };
  mark(first, baseBlocksOf(geometry, group));
  // With flex_bg the metadata of several groups may lie in this one.
  for (const other of await groupsNear(volume, group)) {
    mark(other.blockBitmap, 1);
    mark(other.inodeBitmap, 1);
    mark(other.inodeTable, geometry.inodeTableBlocks);
  }
  setBits(bits, Math.ceil(count / geometry.clusterRatio), geometry.blockSize * 8);
}

/** Descriptors of the groups whose bitmaps and tables may lie in `group`: those of its flexible group. */
async function groupsNear(volume: Volume, group: number): Promise<GroupDescriptor[]> {
  const { groupsPerFlex, groupCount } = volume.geometry;
  const size = Math.min(groupsPerFlex, groupCount);
  const from = group - (group % size);
  const out: GroupDescriptor[] = [];
  for (let g = from; g < Math.min(from + size, groupCount); g++) out.push(await volume.groups.read(g));
  return out;
}

/** A group's block bitmap to change; its checksum follows by itself. Give the descriptor from `groups.modify`. */
export async function modifyBlockBitmap(volume: Volume, d: GroupDescriptor): Promise<Uint8Array> {
  const { checksum, geometry, store } = volume;
  const seal = checksum.metadata
    ? (data: Uint8Array) => {
        d.blockBitmapChecksum = checksum.bitmap(data.subarray(0, blockBitmapBytes(geometry)));
      }
    : undefined;
  if ((d.flags & BG_BLOCK_UNINIT) !== 0 && checksum.descriptors) {
    const bits = store.fresh(d.blockBitmap, seal);
    await initBlockBitmap(volume, d, bits);
    d.flags &= ~BG_BLOCK_UNINIT;
    return bits;
  }
  await storedBlockBitmap(volume, d);
  return store.modify(d.blockBitmap, seal);
}

/** A group's inode bitmap. Not to be changed. */
export async function inodeBitmap(volume: Volume, group: number): Promise<Uint8Array> {
  const d = await volume.groups.read(group);
  if ((d.flags & BG_INODE_UNINIT) === 0 || !volume.checksum.descriptors) return storedInodeBitmap(volume, d);
  const bits = new Uint8Array(volume.geometry.blockSize);
  setBits(bits, volume.geometry.inodesPerGroup, bits.length * 8);
  return bits;
}

async function storedInodeBitmap(volume: Volume, d: GroupDescriptor): Promise<Uint8Array> {
  const { store, checksum, geometry } = volume;
  const data = await store.read(d.inodeBitmap);
  const key = d.group * 4 + VERIFIED.OTHER;
  if (checksum.metadata && !store.isVerified(d.inodeBitmap, key)) {
    const expected = d.truncateChecksum(checksum.bitmap(data.subarray(0, inodeBitmapBytes(geometry))));
    if (expected !== d.inodeBitmapChecksum) {
      throw wrongChecksum('inode bitmap', d.group, expected, d.inodeBitmapChecksum);
    }
    store.setVerified(d.inodeBitmap, key);
  }
  return data;
}

/** A group's inode bitmap to change; its checksum follows by itself. Give the descriptor from `groups.modify`. */
export async function modifyInodeBitmap(volume: Volume, d: GroupDescriptor): Promise<Uint8Array> {
  const { checksum, geometry, store } = volume;
  const seal = checksum.metadata
    ? (data: Uint8Array) => {
        d.inodeBitmapChecksum = checksum.bitmap(data.subarray(0, inodeBitmapBytes(geometry)));
      }
    : undefined;
  if ((d.flags & BG_INODE_UNINIT) !== 0 && checksum.descriptors) {
    const bits = store.fresh(d.inodeBitmap, seal);
    setBits(bits, geometry.inodesPerGroup, bits.length * 8);
    d.flags &= ~BG_INODE_UNINIT;
    return bits;
  }
  await storedInodeBitmap(volume, d);
  return store.modify(d.inodeBitmap, seal);
}

/** Whether a block belongs to a group's own metadata at its start. */
export function isBaseBlock(g: Geometry, block: number): boolean {
  const group = Math.floor((block - g.firstDataBlock) / g.blocksPerGroup);
  return hasSuperblock(g, group) && block < firstBlockOf(g, group) + baseBlocksOf(g, group);
}

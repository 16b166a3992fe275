import { toSafeInteger, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';
import { type ForkKind, type ForkPlace, positionOf } from './fork-place.js';
import { BTREE_CHECKSUM, BTREE_HEADER, BtreeBlock, BtreeMagic, EXTENT_SIZE, Fork } from './layout.js';
import { finishMaps } from './pending-maps.js';
import { isReplayed } from './replay-overlay.js';
import { blockOffset, type Volume, verifyChecksum } from './volume.js';

/** Levels of an extent tree (`XFS_BTREE_MAXLEVELS`), and extents of one fork that are held. */
const MAX_LEVELS = 9;
const MAX_EXTENTS = 4_000_000;

/** A run of blocks of a fork. */
export interface Extent {
  /** Bytes from the start of the fork. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** Bytes from the start of the device, or of the realtime section. */
  readonly position: number;
  /** Allocated, but reads as zeros. */
  readonly isUnwritten: boolean;
}

/** A fork of an inode: where its bytes are told. */
export interface ForkBytes {
  readonly format: number;
  readonly data: Uint8Array;
  /** Extents in it, where they are in the inode. */
  readonly count: number;
}

/** All extents of a fork, in order, with what a replayed log promised. @throws CorruptImageError, LimitExceededError */
export async function readExtents(
  volume: Volume,
  fork: ForkBytes,
  owner: number,
  kind: ForkKind,
): Promise<readonly Extent[]> {
  const extents: Extent[] = [];
  if (fork.format === Fork.extents) {
    if (fork.count * EXTENT_SIZE > fork.data.length) {
      throw new CorruptImageError({
        structure: 'xfs_dinode',
        field: 'nextents',
        found: fork.count,
        expected: 'what fits the inode',
      });
    }
    addExtents({ volume, kind }, extents, fork.data, 0, fork.count);
  } else if (fork.format === Fork.btree) await readRoot({ volume, kind }, extents, fork.data);
  const maps = volume.pending.maps.get(owner)?.filter((map) => map.isAttributes === (kind === 'attributes'));
  return maps === undefined ? extents : finishMaps(volume, extents, maps, kind);
}

/** Chapter 17.2, `xfs_bmdr_block`: level and number of records, keys, then pointers. */
async function readRoot(place: ForkPlace, out: Extent[], root: Uint8Array): Promise<void> {
  const view = viewOf(root);
  const level = view.getUint16(0);
  const records = view.getUint16(2);
  const most = Math.floor((root.length - 4) / 16);
  if (level === 0 || level > MAX_LEVELS || records > most) {
    throw new CorruptImageError({
      structure: 'xfs_bmdr_block',
      field: 'level',
      found: level,
      expected: `1 to ${MAX_LEVELS}`,
    });
  }
  for (let i = 0; i < records; i++) {
    await readBlock(place, out, view.getBigUint64(4 + most * 8 + i * 8), level - 1);
  }
}

async function readBlock(place: ForkPlace, out: Extent[], block: bigint, level: number): Promise<void> {
  const { volume } = place;
  const { blockSize, isChecked } = volume;
  const position = blockOffset(volume, block, BtreeBlock.name);
  const data = await volume.device.read(position, blockSize);
  const header = BtreeBlock.decode(data, 0, position);
  const magic = isChecked ? BtreeMagic.checked : BtreeMagic.plain;
  if (header.magic !== magic || header.level !== level) {
    const field = header.magic === magic ? 'level' : 'magic';
    throw new CorruptImageError({
      structure: BtreeBlock.name,
      field,
      offset: position,
      found: header[field],
      expected: field === 'magic' ? magic : level,
    });
  }
  if (isChecked && !isReplayed(volume.device, position, blockSize)) {
    verifyChecksum(data, BTREE_CHECKSUM, BtreeBlock.name, position);
  }
  const start = isChecked ? BTREE_HEADER.checked : BTREE_HEADER.plain;
  const most = Math.floor((blockSize - start) / 16);
  if (header.records > most) {
    throw new CorruptImageError({
      structure: BtreeBlock.name,
      field: 'numrecs',
      offset: position,
      found: header.records,
      expected: `at most ${most}`,
    });
  }
  if (level === 0) return addExtents(place, out, data, start, header.records);
  const view = viewOf(data);
  for (let i = 0; i < header.records; i++) {
    await readBlock(place, out, view.getBigUint64(start + most * 8 + i * 8), level - 1);
  }
}

/** Chapter 17.1: a flag, 54 bits of file block, 52 bits of block, 21 bits of length. */
function addExtents(place: ForkPlace, out: Extent[], data: Uint8Array, at: number, count: number): void {
  const view = viewOf(data);
  const { blockSize } = place.volume;
  if (out.length + count > MAX_EXTENTS) {
    throw new LimitExceededError({ limit: 'extents of a file', value: out.length + count, max: MAX_EXTENTS });
  }
  for (let i = 0; i < count; i++) {
    const high = view.getBigUint64(at + i * EXTENT_SIZE);
    const low = view.getBigUint64(at + i * EXTENT_SIZE + 8);
    const offset = toSafeInteger((high >> 9n) & ((1n << 54n) - 1n), 'extent offset') * blockSize;
    const length = Number(low & 0x1f_ffffn) * blockSize;
    const block = ((high & 0x1ffn) << 43n) | (low >> 21n);
    const last = out.at(-1);
    if (
      length === 0 ||
      !Number.isSafeInteger(offset + length) ||
      (last !== undefined && offset < last.offset + last.length)
    ) {
      throw new CorruptImageError({
        structure: 'xfs_bmbt_rec',
        field: 'offset',
        found: offset,
        reason: 'the extents of a file are not in order',
      });
    }
    const position = positionOf(place, block, length, 'xfs_bmbt_rec');
    out.push({ offset, length, position, isUnwritten: high >> 63n === 1n });
  }
}

/** Index of the first extent that ends after `offset`. */
export function extentAt(extents: readonly Extent[], offset: number): number {
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const extent = extents[middle]!;
    if (extent.offset + extent.length <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Read `length` bytes of a fork; holes and unwritten extents are zeros. */
export async function readFork(
  volume: Volume,
  extents: readonly Extent[],
  offset: number,
  length: number,
  bulk = false,
): Promise<Uint8Array> {
  const first = extents[extentAt(extents, offset)];
  if (
    first !== undefined &&
    !first.isUnwritten &&
    first.offset <= offset &&
    offset + length <= first.offset + first.length
  ) {
    return volume.device.read(first.position + offset - first.offset, length, { bulk });
  }
  const out = new Uint8Array(length);
  for (let i = extentAt(extents, offset); i < extents.length; i++) {
    const extent = extents[i]!;
    if (extent.offset >= offset + length) break;
    if (extent.isUnwritten) continue;
    const from = Math.max(offset, extent.offset);
    const to = Math.min(offset + length, extent.offset + extent.length);
    out.set(await volume.device.read(extent.position + from - extent.offset, to - from, { bulk }), from - offset);
  }
  return out;
}

/**
 * Verify the checksum of a block of a fork, unless a replayed log changed any of it.
 * @param offset of `data` in the fork
 * @param at of the checksum in `data`
 */
export function verifyFork(
  volume: Volume,
  extents: readonly Extent[],
  offset: number,
  data: Uint8Array,
  at: number,
  structure: string,
): void {
  const first = extentAt(extents, offset);
  const end = offset + data.length;
  for (let i = first; i < extents.length && extents[i]!.offset < end; i++) {
    const extent = extents[i]!;
    const from = Math.max(offset, extent.offset);
    const to = Math.min(end, extent.offset + extent.length);
    if (isReplayed(volume.device, extent.position + from - extent.offset, to - from)) return;
  }
  verifyChecksum(data, at, structure, (extents[first]?.position ?? 0) + offset - (extents[first]?.offset ?? offset));
}

import { crc32c, parseUuid, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { BTREE_HEADER, Flag2, INODE_MAGIC, Inode, Inode3 } from './layout.js';
import {
  BASIC_BLOCK,
  CreateItem,
  INODE_LSN,
  InodeField,
  InodeItem,
  InodeItem32,
  LOGGED_INODE,
  QUOTA,
  QuotaItem,
} from './log-layout.js';
import type { LogItem } from './log-transaction.js';
import type { ReplayOverlay } from './replay-overlay.js';
import { blockOffset, type Volume } from './volume.js';

const NO_LSN = 0xffff_ffff_ffff_ffffn;
const CHECKSUM_AT = 100;
const VERSION_AT = 4;
const FORK_OFFSET_AT = 82;
const FLAGS2_AT = 120;
const INO_AT = 152;
const UUID_AT = 160;
const NEXT_UNLINKED_AT = 96;
/** Inodes that one item may make: a chunk has 64. */
const MAX_CREATED = 64;
const MAX_FLUSHES = 0xffff;

/** What an inode's item says of where it lies. */
export function inodeItem(item: LogItem): ReturnType<typeof InodeItem.decode> {
  const head = item.regions[0]!;
  return head.length >= InodeItem.size ? InodeItem.decode(head) : InodeItem32.decode(head);
}

/** Replay an inode unless it is already newer. @throws CorruptImageError */
export async function replayInode(volume: Volume, overlay: ReplayOverlay, item: LogItem, lsn: bigint): Promise<void> {
  const { block, offset, fields, device } = inodeItem(item);
  const { inodeSize } = volume.superblock;
  const at = Number(block) * BASIC_BLOCK + offset;
  if (offset > 65_536 || at + inodeSize > overlay.size) throw malformed('an inode lies outside');
  const inode = (await overlay.read(at, inodeSize)).slice();
  const core = item.regions[1];
  if (core === undefined || core.length < CHECKSUM_AT - 4) throw malformed('an inode without core');
  const view = viewOf(inode);
  if (view.getUint16(0) !== INODE_MAGIC || viewOf(core).getUint16(0, true) !== INODE_MAGIC) {
    throw malformed(`there is no inode at byte ${at}`);
  }
  if (isNewer(inode, core, lsn)) return;
  putCore(inode, core, lsn);
  putForks(inode, item.regions.slice(2), fields, device);
  if (inode[VERSION_AT] === 3) seal(inode);
  await overlay.put(at, inode);
}

/** Version 3 tells when an inode was changed; those before count how often they were written. */
function isNewer(inode: Uint8Array, core: Uint8Array, lsn: bigint): boolean {
  const view = viewOf(inode);
  if (inode[VERSION_AT] === 3) {
    const own = view.getBigUint64(INODE_LSN);
    return own !== 0n && own !== NO_LSN && own > lsn;
  }
  const written = view.getUint16(LOGGED_INODE.flushes);
  const logged = viewOf(core).getUint16(LOGGED_INODE.flushes, true);
  if (logged >= written) return false;
  // The count wraps.
  return !(written === MAX_FLUSHES && logged < MAX_FLUSHES >> 1);
}

/** The core as the disk has it: big-endian, and with a place in the log of its own. */
function putCore(inode: Uint8Array, core: Uint8Array, lsn: bigint): void {
  const from = viewOf(core);
  const to = viewOf(inode);
  const isVersion3 = core[VERSION_AT] === 3;
  if (isVersion3 && core.length < Inode3.size) throw malformed('the core of an inode is too short');
  const has = (at: number): boolean => at < NEXT_UNLINKED_AT || isVersion3;
  for (const at of LOGGED_INODE.bytes) inode[at] = core[at]!;
  for (const at of LOGGED_INODE.words16) to.setUint16(at, from.getUint16(at, true));
  for (const at of LOGGED_INODE.words32) if (has(at)) to.setUint32(at, from.getUint32(at, true));
  for (const at of LOGGED_INODE.words64) if (has(at)) to.setBigUint64(at, from.getBigUint64(at, true));
  const flags2 = isVersion3 ? from.getBigUint64(FLAGS2_AT, true) : 0n;
  for (const at of LOGGED_INODE.times) {
    if (!has(at)) continue;
    if ((flags2 & Flag2.bigTime) !== 0n) to.setBigUint64(at, from.getBigUint64(at, true));
    else for (const word of [at, at + 4]) to.setUint32(word, from.getUint32(word, true));
  }
  const { large, count, attributes } = LOGGED_INODE.extents;
  const isLarge = (flags2 & Flag2.largeExtentCounts) !== 0n;
  to.setBigUint64(large, isLarge ? from.getBigUint64(large, true) : 0n);
  to.setUint32(count, from.getUint32(count, true));
  to.setUint16(attributes, isLarge ? 0 : from.getUint16(attributes, true));
  if (!isVersion3) return;
  inode.set(core.subarray(UUID_AT, UUID_AT + 16), UUID_AT);
  to.setBigUint64(INODE_LSN, lsn);
}

/** Regions after the core: the data fork if it changed, then the attribute fork. */
function putForks(inode: Uint8Array, regions: readonly Uint8Array[], fields: number, device: number): void {
  const start = inode[VERSION_AT] === 3 ? Inode3.size : Inode.size;
  const offset = inode[FORK_OFFSET_AT]! * 8;
  const boundary = offset === 0 ? inode.length : start + offset;
  if (boundary > inode.length) throw malformed('the attributes of an inode begin outside it');
  if ((fields & InodeField.device) !== 0) viewOf(inode).setUint32(start, device);
  let next = 0;
  const forks = [
    [InodeField.data | InodeField.extents, InodeField.root, inode.subarray(start, boundary)],
    [InodeField.attributes | InodeField.attributeExtents, InodeField.attributeRoot, inode.subarray(boundary)],
  ] as const;
  for (const [plain, root, fork] of forks) {
    if ((fields & (plain | root)) === 0) continue;
    const region = regions[next++];
    if (region === undefined) {
      // An empty fork has no region.
      if ((fields & root) !== 0) throw malformed('the root of a tree is missing');
    } else if ((fields & root) === 0) {
      if (region.length > alignedLength(fork)) throw malformed('a fork does not fit its inode');
      fork.set(region.subarray(0, fork.length));
    } else putRoot(fork, region, inode[VERSION_AT] === 3);
  }
}

/** Regions are padded to four bytes. */
const alignedLength = (fork: Uint8Array): number => Math.ceil(fork.length / 4) * 4;

/** The root as memory has it, with a full header, as the disk has it (section 17.2): level and count, keys, then pointers. */
function putRoot(fork: Uint8Array, root: Uint8Array, isChecked: boolean): void {
  const header = isChecked ? BTREE_HEADER.checked : BTREE_HEADER.plain;
  if (root.length < header) throw malformed('the root of a tree is too short');
  const records = viewOf(root).getUint16(6);
  const most = Math.floor((root.length - header) / 16);
  const room = Math.floor((fork.length - 4) / 16);
  if (records > most || records > room) throw malformed('the root of a tree does not fit its inode');
  fork.set(root.subarray(4, 8));
  fork.set(root.subarray(header, header + records * 8), 4);
  fork.set(root.subarray(header + most * 8, header + (most + records) * 8), 4 + room * 8);
}

/** Section 14.3.12: new inodes, not in use. `isCancelled` tells of blocks that were freed later. */
export async function replayCreate(
  volume: Volume,
  overlay: ReplayOverlay,
  item: LogItem,
  isCancelled: (offset: number, length: number) => boolean,
): Promise<void> {
  const { group, block, count, inodeSize, blocks, generation } = CreateItem.decode(item.regions[0]!);
  const { superblock, blockSize } = volume;
  if (inodeSize !== superblock.inodeSize || count > MAX_CREATED || count * inodeSize > blocks * blockSize) {
    throw malformed(`${count} new inodes of ${inodeSize} bytes in ${blocks} blocks`);
  }
  const first = (BigInt(group) << BigInt(superblock.agBlockLog)) | BigInt(block);
  const offset = blockOffset(volume, first, CreateItem.name);
  if (offset + blocks * blockSize > overlay.size) throw malformed('new inodes lie outside');
  if (isCancelled(offset, blocks * blockSize)) return;
  for (let i = 0; i < count; i++) {
    const ino = (first << BigInt(superblock.inodesPerBlockLog)) + BigInt(i);
    await overlay.put(offset + i * inodeSize, freshInode(volume, ino, generation));
  }
}

function freshInode(volume: Volume, ino: bigint, generation: number): Uint8Array {
  const inode = new Uint8Array(volume.superblock.inodeSize);
  const view = viewOf(inode);
  view.setUint16(0, INODE_MAGIC);
  inode[VERSION_AT] = volume.isChecked ? 3 : 2;
  view.setUint32(Inode.offsetOf('generation'), generation);
  view.setUint32(NEXT_UNLINKED_AT, 0xffff_ffff);
  if (!volume.isChecked) return inode;
  view.setBigUint64(INO_AT, ino);
  inode.set(parseUuid(volume.ownUuid)!, UUID_AT);
  seal(inode);
  return inode;
}

function seal(inode: Uint8Array): void {
  const view = viewOf(inode);
  view.setUint32(CHECKSUM_AT, 0);
  view.setUint32(CHECKSUM_AT, crc32c(inode), true);
}

/** Replay a quota unless it is already newer. */
export async function replayQuota(volume: Volume, overlay: ReplayOverlay, item: LogItem, lsn: bigint): Promise<void> {
  const { block, offset } = QuotaItem.decode(item.regions[0]!);
  const at = Number(block) * BASIC_BLOCK + offset;
  const quota = item.regions[1];
  if (quota === undefined || quota.length < QUOTA.size || offset > 65_536 || at + QUOTA.blockSize > overlay.size) {
    throw malformed('a quota does not fit');
  }
  if (volume.isChecked) {
    const own = viewOf(await overlay.read(at, QUOTA.blockSize)).getBigUint64(QUOTA.lsn);
    if (own !== 0n && own !== NO_LSN && own >= lsn) return;
  }
  await overlay.put(at, quota.subarray(0, QUOTA.size));
}

function malformed(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'XFS log', reason });
}

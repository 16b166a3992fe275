import { viewOf } from '@vmcraft/core/binary';
import { FsError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { blockBitmap, blockBitmapBytes, clearBits, inodeBitmapBytes, setBits, testBit } from './bitmap.js';
import { currentTime } from './change.js';
import { superblockChecksum } from './checksum.js';
import { sealInode } from './format-inode.js';
import { FormatSpace } from './format-space.js';
import { backupGroups, descriptorCopies, placeTables } from './format-tables.js';
import { FormatWriter } from './format-write.js';
import { baseBlocksOf, blocksInGroup, firstBlockOf, type Geometry, groupOfBlock } from './geometry.js';
import { GroupDescriptor } from './group-descriptor.js';
import {
  BG_BLOCK_UNINIT,
  BG_INODE_UNINIT,
  BG_INODE_ZEROED,
  COMPAT,
  INO_RESIZE,
  inodeLayout,
  SUPERBLOCK_OFFSET,
  superblockLayout,
} from './layout.js';
import { DIND_SLOT, resizeInodeBlocks } from './resize-inode.js';
import { bitOf, clustersIn, resizedSuperblock } from './resize-plan.js';
import type { Superblock } from './superblock.js';
import type { Volume } from './volume.js';

/**
 * Give a file system that nobody uses another size. Growing adds groups and turns reserved descriptor blocks into used ones; once there
 * are none left, new descriptors go into meta groups and the resize inode is given up. Shrinking gives up groups at the end that hold no data.
 *
 * @param bytes new size; rounded down to what the format allows
 * @throws FsError EINVAL when the device is smaller, or the file system would be too small
 * @throws UnsupportedFeatureError when data or tables would have to move
 */
export async function resizeVolume(volume: Volume, bytes: number): Promise<void> {
  const { geometry, superblock, store } = volume;
  if (bytes > store.device.size)
    throw new FsError('EINVAL', { operation: 'resize', reason: `the device has ${store.device.size} bytes` });
  const next = resizedSuperblock(superblock, Math.floor(bytes / geometry.blockSize), currentTime().sec);
  if (next.geometry.blocksCount === geometry.blocksCount) return;
  await new Resize(volume, next).run();
}

/** The smallest size in bytes that {@link resizeVolume} can give: behind the last block of data and the last inode in use. */
export async function minimumSize(volume: Volume): Promise<number> {
  const g = volume.geometry;
  let groups = 1;
  let lastBlock = 0;
  for (let group = g.groupCount - 1; group >= 0; group--) {
    const d = await volume.groups.read(group);
    if (d.freeInodes < g.inodesPerGroup) groups = Math.max(groups, group + 1);
    const own = await dataBits(volume, group, g.groupCount);
    const last = lastSet(own, clustersIn(g, group));
    if (last < 0) continue;
    lastBlock = firstBlockOf(g, group) + (last + 1) * g.clusterRatio;
    groups = Math.max(groups, group + 1);
    break;
  }
  for (let group = 0; group < groups; group++) {
    const d = await volume.groups.read(group);
    lastBlock = Math.max(lastBlock, d.blockBitmap + 1, d.inodeBitmap + 1, d.inodeTable + g.inodeTableBlocks);
  }
  const firstOfLast = firstBlockOf(g, Math.max(groups, groupOfBlock(g, lastBlock - 1) + 1) - 1);
  const least = firstOfLast + baseBlocksOf(g, groupOfBlock(g, firstOfLast)) + 2 + g.inodeTableBlocks + 50;
  const blocks = Math.min(g.blocksCount, Math.ceil(Math.max(lastBlock, least) / g.clusterRatio) * g.clusterRatio);
  return blocks * g.blockSize;
}

/** Bits of a group's clusters that are used by something other than the tables and descriptors of groups up to `tablesOf`. */
async function dataBits(volume: Volume, group: number, tablesOf: number): Promise<Uint8Array> {
  const g = volume.geometry;
  const bits = (await blockBitmap(volume, group)).slice();
  const forget = (block: number, count: number): void => {
    for (let at = block; at < block + count; at++) {
      if (groupOfBlock(g, at) === group) clearBits(bits, bitOf(g, at), bitOf(g, at) + 1);
    }
  };
  forget(firstBlockOf(g, group), Math.min(baseBlocksOf(g, group), blocksInGroup(g, group)));
  const near = g.groupsPerFlex > 1 ? [0, tablesOf] : [group, group + 1];
  for (let other = near[0]!; other < near[1]!; other++) {
    const d = await volume.groups.read(other);
    forget(d.blockBitmap, 1);
    forget(d.inodeBitmap, 1);
    if (groupOfBlock(g, d.inodeTable) <= group && groupOfBlock(g, d.inodeTable + g.inodeTableBlocks - 1) >= group) {
      forget(d.inodeTable, g.inodeTableBlocks);
    }
  }
  return bits;
}

function lastSet(bits: Uint8Array, count: number): number {
  for (let i = count - 1; i >= 0; i--) if (testBit(bits, i)) return i;
  return -1;
}

function mustMove(what: string): UnsupportedFeatureError {
  return new UnsupportedFeatureError({
    feature: `shrinking past ${what}`,
    structure: 'ext4 resize',
    workaround: 'minimumSize() says how far it can shrink without moving data; resize2fs moves it',
  });
}

/** One change of size: first everything is worked out, then written, the primary superblock last. */
class Resize {
  readonly #from: Geometry;
  readonly #to: Geometry;
  readonly #descriptors: Uint8Array;
  readonly #bitmaps = new Map<number, Uint8Array>();
  readonly #space: FormatSpace;
  readonly #writer: FormatWriter;

  constructor(
    private readonly volume: Volume,
    private readonly next: Superblock,
  ) {
    this.#from = volume.geometry;
    this.#to = next.geometry;
    this.#descriptors = new Uint8Array(this.#to.descriptorBlocks * this.#to.blockSize);
    this.#space = new FormatSpace(this.#to);
    this.#writer = new FormatWriter(volume.store.device, this.#to.blockSize);
  }

  get #kept(): number {
    return Math.min(this.#from.groupCount, this.#to.groupCount);
  }

  #descriptor(group: number): GroupDescriptor {
    const size = this.#to.descriptorSize;
    return new GroupDescriptor(group, this.#descriptors.subarray(group * size, (group + 1) * size));
  }

  async run(): Promise<void> {
    for (let group = 0; group < this.#kept; group++) {
      this.#descriptor(group).raw.set((await this.volume.groups.read(group)).raw.subarray(0, this.#to.descriptorSize));
    }
    if (this.#to.blocksCount < this.#from.blocksCount) await this.#requireFreeEnd();
    await this.#freeBaseBlocks();
    await this.#adjustLastGroup();
    if (this.#to.groupCount < this.#from.groupCount) await this.#freeTablesOfDropped();
    else this.#planNewGroups();
    if (this.#dropsResizeInode) await this.#freeResizeInode();
    await this.#markKept();
    this.#recount();
    await this.#write();
  }

  /** A kept group's bitmap to change. */
  async #bits(group: number): Promise<Uint8Array> {
    let bits = this.#bitmaps.get(group);
    if (bits === undefined) {
      bits = (await blockBitmap(this.volume, group)).slice();
      this.#bitmaps.set(group, bits);
    }
    return bits;
  }

  async #requireFreeEnd(): Promise<void> {
    const { volume } = this;
    const from = this.#from;
    const end = this.#to.blocksCount;
    for (let group = this.#kept; group < from.groupCount; group++) {
      if ((await volume.groups.read(group)).freeInodes !== from.inodesPerGroup)
        throw mustMove(`inodes of group ${group}`);
    }
    for (let group = 0; group < this.#kept; group++) {
      const d = await volume.groups.read(group);
      const last = Math.max(d.blockBitmap, d.inodeBitmap, d.inodeTable + from.inodeTableBlocks - 1);
      if (last >= end) throw mustMove(`the tables of group ${group}`);
    }
    for (let group = groupOfBlock(from, end - 1); group < from.groupCount; group++) {
      const last = lastSet(await dataBits(volume, group, from.groupCount), clustersIn(from, group));
      if (last >= 0 && firstBlockOf(from, group) + last * from.clusterRatio >= end)
        throw mustMove(`data in group ${group}`);
    }
  }

  /** Fewer descriptors take fewer blocks at the start of groups; more never do, as they come out of the reserved ones. */
  async #freeBaseBlocks(): Promise<void> {
    for (let group = 0; group < this.#kept; group++) {
      const [before, after] = [baseBlocksOf(this.#from, group), baseBlocksOf(this.#to, group)];
      if (after > before) throw mustMove('reserved descriptor blocks');
      if (after === before) continue;
      const ratio = this.#to.clusterRatio;
      clearBits(await this.#bits(group), Math.floor(after / ratio), Math.ceil(before / ratio));
    }
  }

  /** The group that was last may be longer now; the one that is last may be shorter. */
  async #adjustLastGroup(): Promise<void> {
    const group = this.#kept - 1;
    const [before, after] = [clustersIn(this.#from, group), clustersIn(this.#to, group)];
    if (before === after) return;
    const bits = await this.#bits(group);
    if (after > before) clearBits(bits, before, after);
    setBits(bits, after, bits.length * 8);
  }

  async #freeTablesOfDropped(): Promise<void> {
    const to = this.#to;
    for (let group = this.#kept; group < this.#from.groupCount; group++) {
      const d = await this.volume.groups.read(group);
      for (const [block, count] of [
        [d.blockBitmap, 1],
        [d.inodeBitmap, 1],
        [d.inodeTable, to.inodeTableBlocks],
      ] as const) {
        for (let at = block; at < Math.min(block + count, to.blocksCount); at++) {
          clearBits(await this.#bits(groupOfBlock(to, at)), bitOf(to, at), bitOf(to, at) + 1);
        }
      }
    }
  }

  /** With bigalloc, a cluster given up may hold other blocks of the file system itself. */
  async #markKept(): Promise<void> {
    const g = this.#to;
    if (g.clusterRatio === 1) return;
    const mark = (block: number, count: number): void => {
      for (let at = block; at < block + count; at++) {
        const bits = this.#bitmaps.get(groupOfBlock(g, at));
        if (bits !== undefined) setBits(bits, bitOf(g, at), bitOf(g, at) + 1);
      }
    };
    for (let group = 0; group < this.#kept; group++) {
      const d = this.#descriptor(group);
      mark(firstBlockOf(g, group), Math.min(baseBlocksOf(g, group), blocksInGroup(g, group)));
      mark(d.blockBitmap, 1);
      mark(d.inodeBitmap, 1);
      mark(d.inodeTable, g.inodeTableBlocks);
    }
    if (!this.next.has(COMPAT.RESIZE_INODE)) return;
    const dind = viewOf((await this.volume.inodes.read(INO_RESIZE)).block).getUint32(4 * DIND_SLOT, true);
    if (dind !== 0 && dind < g.blocksCount) mark(dind, 1);
  }

  #planNewGroups(): void {
    const g = this.#to;
    const first = this.#from.groupCount;
    if (first >= g.groupCount) return;
    for (let group = first; group < g.groupCount; group++) {
      const base = Math.min(baseBlocksOf(g, group), blocksInGroup(g, group));
      if (base > 0) this.#space.take(firstBlockOf(g, group), base);
    }
    const places = placeTables(this.#space, first);
    const lazy = this.next.checksum.descriptors;
    const foreign = new Set(
      places
        .flatMap((p) => [p.blockBitmap, p.inodeBitmap, p.inodeTable, p.inodeTable + g.inodeTableBlocks - 1])
        .map((b) => groupOfBlock(g, b)),
    );
    for (const [i, place] of places.entries()) {
      const group = first + i;
      const d = this.#descriptor(group);
      Object.assign(d, place);
      d.freeInodes = g.inodesPerGroup;
      if (!lazy) continue;
      d.itableUnused = g.inodesPerGroup;
      const computable = group < g.groupCount - 1 && (g.groupsPerFlex === 1 || !foreign.has(group));
      d.flags = BG_INODE_UNINIT | BG_INODE_ZEROED | (computable ? BG_BLOCK_UNINIT : 0);
    }
  }

  #recount(): void {
    const g = this.#to;
    let freeBlocks = 0;
    let freeInodes = 0;
    for (let group = 0; group < g.groupCount; group++) {
      const d = this.#descriptor(group);
      const changed = this.#bitmaps.get(group);
      if (group >= this.#from.groupCount) d.freeBlocks = this.#space.freeClusters(group);
      else if (changed !== undefined) {
        let free = 0;
        for (let i = 0; i < clustersIn(g, group); i++) if (!testBit(changed, i)) free += 1;
        d.freeBlocks = free;
        d.flags &= ~BG_BLOCK_UNINIT;
      }
      freeBlocks += d.freeBlocks * g.clusterRatio;
      freeInodes += d.freeInodes;
    }
    this.next.freeBlocks = freeBlocks;
    this.next.set({ freeInodes });
  }

  async #write(): Promise<void> {
    for (let group = this.#from.groupCount; group < this.#to.groupCount; group++) await this.#writeNewGroup(group);
    for (const [group, bits] of this.#bitmaps) await this.#writeBlockBitmap(this.#descriptor(group), bits);
    if (this.#dropsResizeInode) await this.#clearResizeInode();
    else if (this.next.has(COMPAT.RESIZE_INODE)) await this.#writeResizeInode();
    await this.#writeDescriptors();
    for (const group of backupGroups(this.#to)) {
      const block = new Uint8Array(this.#to.blockSize);
      block.set(this.next.raw);
      superblockLayout.encodeInto({ blockGroupNumber: group }, block);
      if (this.next.checksum.metadata) superblockLayout.encodeInto({ checksum: superblockChecksum(block) }, block);
      await this.#writer.writeBlock(firstBlockOf(this.#to, group), block);
    }
    this.next.seal();
    await this.#writer.write(SUPERBLOCK_OFFSET, this.next.raw);
    await this.volume.store.device.flush();
  }

  async #writeBlockBitmap(d: GroupDescriptor, bits: Uint8Array): Promise<void> {
    if (this.next.checksum.metadata) {
      d.blockBitmapChecksum = this.next.checksum.bitmap(bits.subarray(0, blockBitmapBytes(this.#to)));
    }
    await this.#writer.writeBlock(d.blockBitmap, bits);
  }

  async #writeNewGroup(group: number): Promise<void> {
    const g = this.#to;
    const d = this.#descriptor(group);
    const { checksum } = this.next;
    await this.#writer.zero(d.inodeTable * g.blockSize, g.inodeTableBlocks * g.blockSize);
    const bits = new Uint8Array(g.blockSize);
    if ((d.flags & BG_BLOCK_UNINIT) === 0) {
      this.#space.bitmap(group, bits);
      setBits(bits, g.clustersPerGroup, bits.length * 8);
      await this.#writeBlockBitmap(d, bits);
    }
    if ((d.flags & BG_INODE_UNINIT) === 0) {
      bits.fill(0);
      setBits(bits, g.inodesPerGroup, bits.length * 8);
      if (checksum.metadata) d.inodeBitmapChecksum = checksum.bitmap(bits.subarray(0, inodeBitmapBytes(g)));
      await this.#writer.writeBlock(d.inodeBitmap, bits);
    }
  }

  async #writeDescriptors(): Promise<void> {
    const g = this.#to;
    for (let group = 0; group < g.groupCount; group++) this.#descriptor(group).seal(this.next.checksum);
    for (let index = 0; index < g.descriptorBlocks; index++) {
      const block = this.#descriptors.subarray(index * g.blockSize, (index + 1) * g.blockSize);
      for (const at of descriptorCopies(g, index).reverse()) await this.#writer.writeBlock(at, block);
    }
  }

  get #dropsResizeInode(): boolean {
    return this.volume.superblock.has(COMPAT.RESIZE_INODE) && !this.next.has(COMPAT.RESIZE_INODE);
  }

  /** Its reserved blocks all become descriptor blocks; what is left is the block that listed them. */
  async #freeResizeInode(): Promise<void> {
    const g = this.#to;
    const dind = viewOf((await this.volume.inodes.read(INO_RESIZE)).block).getUint32(4 * DIND_SLOT, true);
    if (dind === 0 || dind >= this.#from.blocksCount) return;
    clearBits(await this.#bits(groupOfBlock(g, dind)), bitOf(g, dind), bitOf(g, dind) + 1);
  }

  async #clearResizeInode(): Promise<void> {
    const { raw } = await this.volume.inodes.read(INO_RESIZE);
    const { block, at } = await this.volume.inodes.locate(INO_RESIZE);
    await this.#writer.write(block * this.#to.blockSize + at, new Uint8Array(raw.length));
  }

  async #writeResizeInode(): Promise<void> {
    const g = this.#to;
    const inode = await this.volume.inodes.read(INO_RESIZE);
    const raw = inode.raw.slice();
    const dind = viewOf(inode.block).getUint32(4 * DIND_SLOT, true);
    if (dind === 0 || dind >= g.blocksCount) return;
    const { table, copies, taken } = resizeInodeBlocks(g);
    for (const [block, list] of copies) await this.#writer.writeBlock(block, list);
    await this.#writer.writeBlock(dind, table);
    viewOf(raw).setUint32(inodeLayout.offsetOf('blocksLo'), taken * (g.blockSize / 512), true);
    sealInode(this.next.checksum, INO_RESIZE, raw);
    const { block, at } = await this.volume.inodes.locate(INO_RESIZE);
    await this.#writer.write(block * g.blockSize + at, raw);
  }
}

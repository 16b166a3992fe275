import { type BlockDevice, type FormatOptions, isDiscardable } from '@vmcraft/core/contracts';
import { CapabilityError, UsageError } from '@vmcraft/core/errors';
import { superblockChecksum } from './checksum.js';
import { newSuperblock } from './format-geometry.js';
import { FormatLayout } from './format-layout.js';
import { requestOf } from './format-request.js';
import { setBits } from './format-space.js';
import { backupGroups, descriptorCopies } from './format-tables.js';
import { FormatWriter } from './format-write.js';
import { firstBlockOf, type Geometry } from './geometry.js';
import { GroupDescriptor } from './group-descriptor.js';
import { BG_BLOCK_UNINIT, BG_INODE_UNINIT, BG_INODE_ZEROED, SUPERBLOCK_OFFSET, superblockLayout } from './layout.js';
import type { Superblock } from './superblock.js';

/** Signatures of other formats lie in the first and last part of a device; both are wiped. */
const WIPE_HEAD = 128 * 1024;
const WIPE_TAIL = 128 * 1024;
const MIN_SIZE = 64 * 1024;

/**
 * Make an empty ext2, ext3 or ext4 file system with the defaults of mke2fs 1.47.
 *
 * @param type `ext2`, `ext3` or `ext4`
 * @param options `features` as mke2fs `-O`; `extra` as the options of guestfs `mke2fs`
 * @throws UsageError for options that do not fit the device or each other
 * @throws UnsupportedFeatureError for external journals and features that mke2fs cannot make either
 */
export async function formatExt(device: BlockDevice, type: string, options: FormatOptions = {}): Promise<void> {
  if (!device.writable) throw CapabilityError.readOnly('device');
  if (device.size < MIN_SIZE)
    throw new UsageError(`${device.size} bytes are too small for ${type}`, { argument: 'size' });
  const request = requestOf(device.size, type, options, device.sectorSize);
  const layout = new FormatLayout(request, newSuperblock(request));
  const writer = new FormatWriter(device, request.blockSize);
  const progress = (done: number, phase: string): void => options.progress?.({ phase, done, total: 4, unit: 'steps' });
  if (!request.superblocksOnly) {
    progress(0, 'wiping');
    if (request.discard && isDiscardable(device)) await writer.zero(0, device.size);
    else await wipe(writer, device.size);
  }
  const tables = new GroupTables(layout, writer);
  progress(1, 'group tables');
  if (!request.superblocksOnly) await tables.writeTables();
  progress(2, 'special files');
  if (!request.superblocksOnly) await writeContents(layout, writer);
  progress(3, 'superblocks');
  await tables.writeDescriptors();
  await writeSuperblocks(layout.superblock, writer);
  await device.flush();
  progress(4, 'done');
}

async function wipe(writer: FormatWriter, size: number): Promise<void> {
  await writer.zero(0, Math.min(WIPE_HEAD, size));
  const tail = Math.max(WIPE_HEAD, size - WIPE_TAIL);
  if (tail < size) await writer.zero(tail, size - tail);
}

async function writeContents(layout: FormatLayout, writer: FormatWriter): Promise<void> {
  for (const run of layout.zeroRuns) {
    if (run.journal === true && layout.request.lazyJournal) continue;
    await writer.zero(run.start * writer.blockSize, run.length * writer.blockSize);
  }
  for (const [block, data] of [...layout.blocks].sort(([a], [b]) => a - b)) await writer.writeBlock(block, data);
  const g = layout.superblock.geometry;
  for (const [ino, raw] of layout.inodes) {
    const group = Math.floor((ino - 1) / g.inodesPerGroup);
    const index = (ino - 1) % g.inodesPerGroup;
    await writer.write(layout.places[group]!.inodeTable * g.blockSize + index * g.inodeSize, raw);
  }
}

/** The superblock goes to its copies first: a device with a primary one is a whole file system. */
async function writeSuperblocks(superblock: Superblock, writer: FormatWriter): Promise<void> {
  const g = superblock.geometry;
  superblock.set({ kbytesWritten: BigInt(Math.ceil(writer.written / 1024) + 1) });
  for (const group of backupGroups(g)) {
    const copy = superblock.raw.slice();
    superblockLayout.encodeInto({ blockGroupNumber: group }, copy);
    if (superblock.checksum.metadata) superblockLayout.encodeInto({ checksum: superblockChecksum(copy) }, copy);
    await writer.writeBlock(firstBlockOf(g, group), padded(copy, g.blockSize));
  }
  superblock.seal();
  await writer.write(SUPERBLOCK_OFFSET, superblock.raw);
}

function padded(raw: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  out.set(raw);
  return out;
}

/** Bitmaps, inode tables and descriptors of all groups. */
class GroupTables {
  readonly #geometry: Geometry;
  readonly #descriptors: Uint8Array;
  /** Whether all of each inode table reads as zeros but for inodes in use. */
  readonly #zeroed: boolean;

  constructor(
    private readonly layout: FormatLayout,
    private readonly writer: FormatWriter,
  ) {
    this.#geometry = layout.superblock.geometry;
    this.#descriptors = new Uint8Array(this.#geometry.descriptorBlocks * this.#geometry.blockSize);
    this.#zeroed = !layout.superblock.checksum.descriptors || !layout.request.lazyTables || writer.zeroingIsFree;
    this.#describe();
  }

  #descriptor(group: number): GroupDescriptor {
    const size = this.#geometry.descriptorSize;
    return new GroupDescriptor(group, this.#descriptors.subarray(group * size, (group + 1) * size));
  }

  /** Fill in everything but checksums. */
  #describe(): void {
    const { layout } = this;
    const g = this.#geometry;
    const lazy = layout.superblock.checksum.descriptors;
    let freeBlocks = 0;
    let freeInodes = 0;
    for (let group = 0; group < g.groupCount; group++) {
      const d = this.#descriptor(group);
      Object.assign(d, layout.places[group]!);
      const used = Math.max(0, Math.min(g.inodesPerGroup, layout.inodesUsed - group * g.inodesPerGroup));
      d.freeBlocks = layout.space.freeClusters(group);
      d.freeInodes = g.inodesPerGroup - used;
      if (lazy) d.itableUnused = g.inodesPerGroup - used;
      d.flags = lazy ? this.#flags(group, used) : 0;
      freeBlocks += d.freeBlocks * g.clusterRatio;
      freeInodes += d.freeInodes;
    }
    this.#descriptor(0).usedDirs = 1;
    const lostFound = this.#descriptor(Math.floor(10 / g.inodesPerGroup));
    lostFound.usedDirs += 1;
    layout.superblock.freeBlocks = freeBlocks;
    layout.superblock.set({ freeInodes });
  }

  #flags(group: number, usedInodes: number): number {
    const { layout } = this;
    const g = this.#geometry;
    let flags = this.#zeroed && !layout.request.superblocksOnly ? BG_INODE_ZEROED : 0;
    if (layout.request.superblocksOnly) return flags;
    if (usedInodes === 0) flags |= BG_INODE_UNINIT;
    // The bitmap of a short last group has padding that must be on the device; elsewhere it can be worked out from the descriptors.
    const last = group === g.groupCount - 1;
    if (!last && !layout.dataGroups.has(group) && !this.#holdsForeignTables(group)) flags |= BG_BLOCK_UNINIT;
    return flags;
  }

  readonly #tableGroups = new Set<number>();

  #holdsForeignTables(group: number): boolean {
    const g = this.#geometry;
    if (g.groupsPerFlex === 1) return false;
    if (this.#tableGroups.size === 0) {
      const of = (block: number): number => Math.floor((block - g.firstDataBlock) / g.blocksPerGroup);
      for (const p of this.layout.places) {
        this.#tableGroups.add(of(p.blockBitmap)).add(of(p.inodeBitmap)).add(of(p.inodeTable));
        this.#tableGroups.add(of(p.inodeTable + g.inodeTableBlocks - 1));
      }
    }
    return this.#tableGroups.has(group);
  }

  async writeTables(): Promise<void> {
    const { layout, writer } = this;
    const g = this.#geometry;
    const bits = new Uint8Array(g.blockSize);
    for (let group = 0; group < g.groupCount; group++) {
      const d = this.#descriptor(group);
      const used = g.inodesPerGroup - d.freeInodes;
      const tableBytes = this.#zeroed
        ? g.inodeTableBlocks * g.blockSize
        : Math.ceil((used * g.inodeSize) / g.blockSize) * g.blockSize;
      await writer.zero(d.inodeTable * g.blockSize, tableBytes);
      if ((d.flags & BG_BLOCK_UNINIT) === 0) {
        layout.space.bitmap(group, bits);
        padGroup(bits, g.clustersPerGroup);
        if (layout.superblock.checksum.metadata)
          d.blockBitmapChecksum = layout.superblock.checksum.bitmap(bits.subarray(0, g.clustersPerGroup / 8));
        await writer.writeBlock(d.blockBitmap, bits);
      }
      if ((d.flags & BG_INODE_UNINIT) === 0) {
        bits.fill(0);
        setBits(bits, 0, used);
        setBits(bits, g.inodesPerGroup, bits.length * 8);
        if (layout.superblock.checksum.metadata)
          d.inodeBitmapChecksum = layout.superblock.checksum.bitmap(bits.subarray(0, g.inodesPerGroup / 8));
        await writer.writeBlock(d.inodeBitmap, bits);
      }
    }
  }

  async writeDescriptors(): Promise<void> {
    const g = this.#geometry;
    for (let group = 0; group < g.groupCount; group++) this.#descriptor(group).seal(this.layout.superblock.checksum);
    for (let index = 0; index < g.descriptorBlocks; index++) {
      const block = this.#descriptors.subarray(index * g.blockSize, (index + 1) * g.blockSize);
      for (const at of descriptorCopies(g, index).reverse()) await this.writer.writeBlock(at, block);
    }
  }
}

/** Bits past the group's clusters, which fewer than a block of bits may hold. */
function padGroup(bits: Uint8Array, clusters: number): void {
  setBits(bits, clusters, bits.length * 8);
}

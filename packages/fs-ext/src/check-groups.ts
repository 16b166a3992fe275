import { blockBitmap, inodeBitmap, inodeBitmapBytes, setBits, testBit } from './bitmap.js';
import type { InodeFacts } from './check-facts.js';
import type { Findings } from './check-findings.js';
import type { BlockUsage } from './check-usage.js';
import { baseBlocksOf, blocksInGroup, firstBlockOf } from './geometry.js';
import type { GroupDescriptor } from './group-descriptor.js';
import type { Volume } from './volume.js';

const MODE_DIR = 4;

/** Blocks that belong to the file system itself: superblock copies, descriptors, bitmaps, inode tables. */
export async function takeGroupBlocks(volume: Volume, usage: BlockUsage, findings: Findings): Promise<void> {
  const g = volume.geometry;
  for (let group = 0; group < g.groupCount; group++) {
    const base = Math.min(baseBlocksOf(g, group), blocksInGroup(g, group));
    if (base > 0) usage.takeMetadata(firstBlockOf(g, group), base, `descriptors of group ${group}`);
  }
  for (let group = 0; group < g.groupCount; group++) {
    const d = await findings.attempt(() => volume.groups.read(group));
    if (d === undefined) continue;
    usage.takeMetadata(d.blockBitmap, 1, `block bitmap of group ${group}`);
    usage.takeMetadata(d.inodeBitmap, 1, `inode bitmap of group ${group}`);
    usage.takeMetadata(d.inodeTable, g.inodeTableBlocks, `inode table of group ${group}`);
  }
}

/** Pass 5: bitmaps and counts against what was found. */
export class GroupPass {
  #freeBlocks = 0;
  #freeInodes = 0;

  constructor(
    private readonly volume: Volume,
    private readonly usage: BlockUsage,
    private readonly facts: InodeFacts,
    private readonly findings: Findings,
  ) {}

  async run(): Promise<void> {
    const { volume, findings } = this;
    const { geometry: g, superblock } = volume;
    const inodes = this.#inodesByGroup();
    for (let group = 0; group < g.groupCount; group++) {
      const d = await findings.attempt(() => volume.groups.read(group));
      if (d === undefined) continue;
      await findings.attempt(() => this.#blocks(group, d));
      await findings.attempt(() => this.#inodes(group, d, inodes.get(group) ?? []));
    }
    if (!findings.clean) return;
    // Linux does not keep these up while mounted, and e2fsck sets them without a word.
    if (this.#freeBlocks !== superblock.freeBlocks) {
      findings.warning(`the superblock counts ${superblock.freeBlocks} free blocks, the groups ${this.#freeBlocks}`);
    }
    const freeInodes = superblock.get('freeInodes');
    if (this.#freeInodes !== freeInodes) {
      findings.warning(`the superblock counts ${freeInodes} free inodes, the groups ${this.#freeInodes}`);
    }
  }

  #inodesByGroup(): Map<number, { index: number; type: number }[]> {
    const out = new Map<number, { index: number; type: number }[]>();
    const { inodesPerGroup } = this.volume.geometry;
    for (const { ino, type } of this.facts.all()) {
      const group = Math.floor((ino - 1) / inodesPerGroup);
      const list = out.get(group) ?? [];
      out.set(group, list);
      list.push({ index: (ino - 1) % inodesPerGroup, type });
    }
    return out;
  }

  async #blocks(group: number, d: GroupDescriptor): Promise<void> {
    const { volume, findings } = this;
    const g = volume.geometry;
    const stored = await blockBitmap(volume, group);
    const clusters = Math.ceil(blocksInGroup(g, group) / g.clusterRatio);
    const used = this.usage.peek(group) ?? new Uint8Array(stored.length);
    const report = (from: number, to: number, isSet: boolean): void => {
      const first = firstBlockOf(g, group) + from * g.clusterRatio;
      const last = firstBlockOf(g, group) + to * g.clusterRatio - 1;
      findings.error(
        `block bitmap of group ${group}: blocks ${first} to ${last} are ${isSet ? 'marked but not used' : 'used but not marked'}`,
      );
    };
    const free = compareBits(stored, used, clusters, report);
    const padding = new Uint8Array(stored.length);
    setBits(padding, clusters, stored.length * 8);
    for (let i = clusters; i < stored.length * 8; i++) {
      if (testBit(stored, i)) continue;
      findings.error(`block bitmap of group ${group}: its padding is not set`);
      break;
    }
    if (d.freeBlocks !== free) findings.error(`group ${group} counts ${d.freeBlocks} free blocks, ${free} found`);
    this.#freeBlocks += free * g.clusterRatio;
  }

  async #inodes(group: number, d: GroupDescriptor, found: readonly { index: number; type: number }[]): Promise<void> {
    const { volume, findings } = this;
    const g = volume.geometry;
    const stored = await inodeBitmap(volume, group);
    const used = new Uint8Array(inodeBitmapBytes(g));
    let directories = 0;
    for (const { index, type } of found) {
      setBits(used, index, index + 1);
      if (type === MODE_DIR) directories += 1;
    }
    const first = group * g.inodesPerGroup + 1;
    for (let ino = first; ino < g.firstInode && ino < first + g.inodesPerGroup; ino++)
      setBits(used, ino - first, ino - first + 1);
    const free = compareBits(stored, used, g.inodesPerGroup, (from, to, isSet) => {
      findings.error(
        `inode bitmap: inodes ${first + from} to ${first + to - 1} are ${isSet ? 'marked but not used' : 'used but not marked'}`,
      );
    });
    for (let i = g.inodesPerGroup; i < stored.length * 8; i++) {
      if (testBit(stored, i)) continue;
      findings.error(`inode bitmap of group ${group}: its padding is not set`);
      break;
    }
    if (d.freeInodes !== free) findings.error(`group ${group} counts ${d.freeInodes} free inodes, ${free} found`);
    if (d.usedDirs !== directories)
      findings.error(`group ${group} counts ${d.usedDirs} directories, ${directories} found`);
    this.#freeInodes += free;
  }
}

/** Report runs in which two bitmaps differ; gives the number of bits clear in the second. */
function compareBits(
  stored: Uint8Array,
  used: Uint8Array,
  count: number,
  report: (from: number, to: number, isSet: boolean) => void,
): number {
  let free = 0;
  let runFrom = -1;
  let runSet = false;
  for (let i = 0; i < count; ) {
    if ((i & 7) === 0 && i + 8 <= count && stored[i >> 3] === used[i >> 3]) {
      if (runFrom >= 0) report(runFrom, i, runSet);
      runFrom = -1;
      free += CLEAR_BITS[used[i >> 3]!]!;
      i += 8;
      continue;
    }
    const a = testBit(stored, i);
    const b = testBit(used, i);
    if (!b) free += 1;
    if (runFrom >= 0 && (a === b || a !== runSet)) {
      report(runFrom, i, runSet);
      runFrom = -1;
    }
    if (a !== b && runFrom < 0) {
      runFrom = i;
      runSet = a;
    }
    i += 1;
  }
  if (runFrom >= 0) report(runFrom, count, runSet);
  return free;
}

const CLEAR_BITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  let clear = 8;
  for (let b = byte; b > 0; b &= b - 1) clear -= 1;
  return clear;
});

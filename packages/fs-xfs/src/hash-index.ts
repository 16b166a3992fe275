import { viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { type Extent, readFork, verifyFork } from './extents.js';
import { INDEX_CHECKSUM, INDEX_COUNT, INDEX_ENTRIES, IndexBlock, IndexMagic } from './layout.js';
import type { Volume } from './volume.js';

/** Levels of a hash index (`XFS_DA_NODE_MAXDEPTH`), and leaves that are followed from one to the next. */
const MAX_DEPTH = 5;
const MAX_LEAVES = 1_000_000;

/** A block of a hash index (chapters 18.4 and 19.3). */
export interface HashBlock {
  readonly data: Uint8Array;
  readonly magic: number;
  readonly count: number;
  /** Number of the next block at this level, counted in file-system blocks of the fork; 0 at the end. */
  readonly forward: number;
}

/** Where a hash index lies in its fork, and how its blocks are cut. */
export interface HashTree {
  readonly volume: Volume;
  readonly extents: readonly Extent[];
  /** Bytes of a block of the index. */
  readonly blockSize: number;
}

/** Magics of the two versions, without distinction. */
const NODES: readonly number[] = [IndexMagic.node, IndexMagic.nodeChecked];
export const DIRECTORY_LEAVES: readonly number[] = [
  IndexMagic.leaf1,
  IndexMagic.leaf1Checked,
  IndexMagic.leafN,
  IndexMagic.leafNChecked,
];
export const ATTRIBUTE_LEAVES: readonly number[] = [IndexMagic.attributeLeaf, IndexMagic.attributeLeafChecked];

/** `xfs_da_hashname`: what the index sorts names by. */
export function hashName(name: Uint8Array): number {
  const rotate = (value: number, by: number): number => ((value << by) | (value >>> (32 - by))) >>> 0;
  let hash = 0;
  let at = 0;
  for (; name.length - at >= 4; at += 4) {
    const word = (name[at]! << 21) ^ (name[at + 1]! << 14) ^ (name[at + 2]! << 7) ^ name[at + 3]!;
    hash = (word ^ rotate(hash, 28)) >>> 0;
  }
  for (const left = name.length - at; ; ) {
    const [a = 0, b = 0, c = 0] = name.subarray(at);
    if (left === 3) return ((a << 14) ^ (b << 7) ^ c ^ rotate(hash, 21)) >>> 0;
    if (left === 2) return ((a << 7) ^ b ^ rotate(hash, 14)) >>> 0;
    return left === 1 ? (a ^ rotate(hash, 7)) >>> 0 : hash;
  }
}

/** Read and verify a block of the index. `block` counts file-system blocks of the fork. */
export async function readHashBlock(tree: HashTree, block: number, allowed: readonly number[]): Promise<HashBlock> {
  const { volume, extents, blockSize } = tree;
  const data = await readFork(volume, extents, block * volume.blockSize, blockSize);
  const { magic, forward } = IndexBlock.decode(data);
  if (!allowed.includes(magic)) {
    const found = {
      field: 'magic',
      found: magic,
      reason: `block ${block} of the fork is no block of its index (magic 0x${magic.toString(16)})`,
    };
    throw new CorruptImageError({ structure: IndexBlock.name, ...found });
  }
  if (volume.isChecked) verifyFork(volume, extents, block * volume.blockSize, data, INDEX_CHECKSUM, IndexBlock.name);
  const count = viewOf(data).getUint16(volume.isChecked ? INDEX_COUNT.checked : INDEX_COUNT.plain);
  return { data, magic, count, forward };
}

/** Bytes where the entries begin, each of 8 bytes, in nodes and in directory leaves. */
export function entriesStart(volume: Volume): number {
  return volume.isChecked ? INDEX_ENTRIES.checked : INDEX_ENTRIES.plain;
}

/**
 * The leaf that has the first entry of `hash`, or the leftmost leaf.
 * @param root number of the index's first block
 */
export async function findLeaf(tree: HashTree, root: number, leaves: readonly number[], hash = 0): Promise<HashBlock> {
  let block = await readHashBlock(tree, root, [...NODES, ...leaves]);
  for (let depth = 0; NODES.includes(block.magic); depth++) {
    if (depth > MAX_DEPTH) throw malformed('the index is too deep');
    const start = entriesStart(tree.volume);
    if (block.count === 0 || start + block.count * 8 > block.data.length)
      throw malformed('a node has no fitting count');
    const view = viewOf(block.data);
    let child = 0;
    while (child < block.count - 1 && view.getUint32(start + child * 8) < hash) child++;
    block = await readHashBlock(tree, view.getUint32(start + child * 8 + 4), [...NODES, ...leaves]);
  }
  return block;
}

/** This leaf and those after it. @throws CorruptImageError when they form a cycle */
export async function* leavesFrom(
  tree: HashTree,
  first: HashBlock,
  leaves: readonly number[],
): AsyncGenerator<HashBlock> {
  const seen = new Set<number>();
  for (let leaf = first; ; ) {
    yield leaf;
    const { forward } = leaf;
    if (forward === 0) return;
    if (seen.has(forward) || seen.size > MAX_LEAVES) throw malformed('its leaves form a cycle');
    seen.add(forward);
    leaf = await readHashBlock(tree, forward, leaves);
  }
}

function malformed(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'XFS hash index', reason });
}

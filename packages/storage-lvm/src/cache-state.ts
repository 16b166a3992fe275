import { toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { BTree } from './btree.js';
import {
  ARRAY_HEADER,
  ArrayBlock,
  BLOCK,
  CACHE_CLEAN_SHUTDOWN,
  CACHE_DIRTY,
  CACHE_MAGIC,
  CACHE_VALID,
  CacheSuperblock,
} from './layout-thin.js';
import { MetadataBlocks } from './metadata-blocks.js';

/** What the metadata of a cache says. */
export interface CacheState {
  /** Blocks that only the cache has in their newest form. */
  readonly dirtyBlocks: number;
  /** Blocks that the cache has at all. */
  readonly cachedBlocks: number;
}

/**
 * Count the dirty blocks of a dm-cache. After a crash all of its blocks count as dirty.
 * @throws CorruptImageError, UnsupportedFeatureError
 */
export async function readCacheState(device: BlockDevice, subject: string): Promise<CacheState> {
  const blocks = new MetadataBlocks(device, `cache metadata of ${subject}`);
  const superblock = CacheSuperblock.read(await blocks.get(0, 'cacheSuperblock'), 0);
  const structure = 'cache_disk_superblock';
  if (superblock.magic !== CACHE_MAGIC) {
    throw new CorruptImageError({ structure, field: 'magic', expected: CACHE_MAGIC, found: superblock.magic });
  }
  const { version, incompatFlags, metadataBlockSize, cacheBlocks } = superblock;
  if (version < 1 || version > 2 || incompatFlags !== 0 || metadataBlockSize * 512 !== BLOCK) {
    throw new UnsupportedFeatureError({ structure: subject, feature: `cache metadata of version ${version}` });
  }
  const isClean = (superblock.flags & CACHE_CLEAN_SHUTDOWN) !== 0;
  const mappingRoot = toSafeInteger(superblock.mappingRoot, `${structure}.mapping_root`);
  let cachedBlocks = 0;
  let dirtyBlocks = 0;
  for await (const value of arrayValues(blocks, mappingRoot, cacheBlocks)) {
    if ((value & CACHE_VALID) === 0n) continue;
    cachedBlocks++;
    if (!isClean || (version === 1 && (value & CACHE_DIRTY) !== 0n)) dirtyBlocks++;
  }
  if (isClean && version === 2) {
    const dirtyRoot = toSafeInteger(superblock.dirtyRoot, `${structure}.dirty_root`);
    for await (const word of arrayValues(blocks, dirtyRoot, Math.ceil(cacheBlocks / 64))) dirtyBlocks += bitsIn(word);
  }
  return { cachedBlocks, dirtyBlocks };
}

/** Values of 64 bits of a persistent array: a tree of blocks of values. */
async function* arrayValues(blocks: MetadataBlocks, root: number, count: number): AsyncGenerator<bigint> {
  const tree = new BTree(blocks, 8);
  let left = count;
  for await (const leaf of tree.leaves(root)) {
    for (let i = 0; i < leaf.entries && left > 0; i++) {
      const number = leaf.child(i);
      const view = await blocks.get(number, 'array');
      const { entries, valueSize } = ArrayBlock.read(view, 0);
      if (valueSize !== 8 || ARRAY_HEADER + entries * 8 > BLOCK) {
        blocks.fail(number, `an array block of ${entries} values of ${valueSize} bytes`);
      }
      for (let v = 0; v < entries && left > 0; v++, left--) yield view.getBigUint64(ARRAY_HEADER + v * 8, true);
    }
  }
}

function bitsIn(word: bigint): number {
  let count = 0;
  for (let rest = word; rest !== 0n; rest &= rest - 1n) count++;
  return count;
}

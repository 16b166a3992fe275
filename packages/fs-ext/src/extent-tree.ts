import type { Mapping } from './block-map.js';
import { type ExtentNode, extentBlock, extentRoot } from './extent-node.js';
import type { Inode } from './inode.js';
import type { Volume } from './volume.js';

/** Mapping of the blocks from `logical` on by an extent tree. @throws CorruptImageError */
export async function extentMapping(volume: Volume, inode: Inode, logical: number, count: number): Promise<Mapping> {
  let node: ExtentNode = extentRoot(volume, inode);
  let limit = logical + count;
  while (node.depth > 0) {
    const i = node.search(logical);
    const next = i + 1 < node.count ? node.key(i + 1) : limit;
    limit = Math.min(limit, next);
    if (i < 0) return { length: limit - logical, physical: 0, unwritten: false };
    node = await extentBlock(volume, inode, node.child(i), node.depth - 1);
  }
  return leafMapping(node, logical, limit);
}

function leafMapping(leaf: ExtentNode, logical: number, limit: number): Mapping {
  const i = leaf.search(logical);
  if (i >= 0) {
    const e = leaf.extent(i);
    const within = logical - e.logical;
    if (within < e.length) {
      const length = Math.min(e.length - within, limit - logical);
      return { length, physical: e.physical + within, unwritten: e.unwritten };
    }
  }
  const end = i + 1 < leaf.count ? Math.min(leaf.key(i + 1), limit) : limit;
  return { length: end - logical, physical: 0, unwritten: false };
}

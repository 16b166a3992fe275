import { type FoundEntry, findInRegion, regions } from './directory.js';
import { findByIndex } from './htree.js';
import type { Inode } from './inode.js';
import { FL } from './layout.js';
import type { Volume } from './volume.js';

/** Find a name in a directory: by its index where it has one, else block after block. @throws CorruptImageError */
export async function findEntry(volume: Volume, inode: Inode, name: Uint8Array): Promise<FoundEntry | undefined> {
  if (name.length > 255 || name.length === 0) return undefined;
  if (inode.has(FL.INDEX) && !inode.has(FL.INLINE_DATA) && volume.hasIndex) {
    const outcome = await findByIndex(volume, inode, name);
    if (outcome !== 'unusable') return outcome;
  }
  for await (const region of regions(volume, inode)) {
    const found = findInRegion(volume, inode, region, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

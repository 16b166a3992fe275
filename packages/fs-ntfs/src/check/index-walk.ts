import { readWhole } from '../attribute-reader.js';
import type { IndexEntry } from '../index-node.js';
import type { IndexTree } from '../index-tree.js';
import { AttributeType } from '../layout.js';
import type { Volume } from '../volume.js';
import type { Findings } from './findings.js';

/** Bytes of the bitmap of an index that is looked at: it covers 8 388 608 blocks. */
const MAX_BITMAP = 1024 * 1024;

/**
 * Walk an index to its end: keys in order, blocks where its bitmap has them.
 * @param visit called with each entry
 * @returns whether the end was reached
 */
export async function walkIndex(
  volume: Volume,
  tree: IndexTree,
  findings: Findings,
  visit: (entry: IndexEntry) => void | Promise<void>,
): Promise<boolean> {
  const what = `index ${tree.name} of record ${tree.inode.number}`;
  const cursor = tree.entries();
  let before: Uint8Array | undefined;
  const ended = await findings.attempt(what, async () => {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const entry of batch) {
        if (before !== undefined && tree.collate(before, entry.key) >= 0) {
          findings.error(`${what}: two entries are out of order, or the same`);
        }
        before = entry.key;
        await visit(entry);
      }
    }
    return true;
  });
  if (ended === true) await findings.attempt(what, () => compareBlocks(volume, tree, cursor.visited, what, findings));
  return ended === true;
}

/** The bitmap of an index marks the blocks that are in its tree. Linux-NTFS "$BITMAP". */
async function compareBlocks(
  volume: Volume,
  tree: IndexTree,
  visited: ReadonlySet<number>,
  what: string,
  findings: Findings,
): Promise<void> {
  const attribute = tree.inode.find(AttributeType.bitmap, tree.name);
  if (attribute === undefined) {
    if (visited.size > 0) findings.error(`${what}: it has blocks, but no bitmap of them`);
    return;
  }
  const bits = await readWhole(volume, attribute, MAX_BITMAP);
  const perBlock = tree.blockSize / tree.vcnSize;
  let marked = 0;
  for (const byte of bits) for (let rest = byte; rest !== 0; rest &= rest - 1) marked++;
  for (const vcn of visited) {
    const block = Math.floor(vcn / perBlock);
    if (((bits[block >> 3] ?? 0) & (1 << (block & 7))) !== 0) marked--;
    else findings.error(`${what}: block ${block} is in use, but free in its bitmap`);
  }
  // Nobody is harmed by them: the next entries take them.
  if (marked > 0) findings.warning(`${what}: ${marked} block(s) are in use in its bitmap, but not in the tree`);
}

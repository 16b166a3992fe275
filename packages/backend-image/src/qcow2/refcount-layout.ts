import { LimitExceededError } from '@vmcraft/core';
import { ENTRY_BYTES, MAX_REFCOUNT_TABLE_BYTES } from './layout.js';

/** Room for refcount blocks and a refcount table, side by side. All numbers are clusters, or block indexes. */
export interface RefcountLayout {
  /** Index of the first and one past the last block placed. */
  readonly firstBlock: number;
  readonly endBlock: number;
  /** The table follows the blocks. */
  readonly tableAt: number;
  readonly tableClusters: number;
  /** One past the last cluster. */
  readonly end: number;
}

/**
 * Place blocks from `firstBlock` on and a table that has room for all, at cluster `at`, so that they count themselves.
 * @param perBlock clusters that one block counts
 * @throws LimitExceededError when the table would be larger than readers accept
 */
export function layoutRefcounts(at: number, firstBlock: number, perBlock: number, clusterSize: number): RefcountLayout {
  let end = at + 1;
  for (;;) {
    const endBlock = Math.ceil(end / perBlock);
    const blocks = Math.max(1, endBlock - firstBlock);
    // Half as much again, so that tables are not rewritten for every block.
    const entries = (firstBlock + blocks) * 1.5;
    const tableClusters = Math.ceil((entries * ENTRY_BYTES) / clusterSize);
    const bytes = (firstBlock + blocks) * ENTRY_BYTES;
    if (bytes > MAX_REFCOUNT_TABLE_BYTES) {
      throw new LimitExceededError({
        limit: 'qcow2 refcount table bytes',
        value: bytes,
        max: MAX_REFCOUNT_TABLE_BYTES,
      });
    }
    const next = at + blocks + tableClusters;
    if (next <= end) return { firstBlock, endBlock: firstBlock + blocks, tableAt: at + blocks, tableClusters, end };
    end = next;
  }
}

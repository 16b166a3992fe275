import { viewOf } from '@vmcraft/core/binary';
import { backupGroups } from './format-tables.js';
import type { Geometry } from './geometry.js';

/** Index of the double-indirect pointer in `i_block`. */
export const DIND_SLOT = 13;

/** What the resize inode's blocks hold. */
export interface ResizeInodeBlocks {
  /** The double-indirect block: its entries are the reserved descriptor blocks. */
  readonly table: Uint8Array;
  /** Reserved descriptor blocks of the primary copy: each lists its own copies in the backup groups. */
  readonly copies: ReadonlyMap<number, Uint8Array>;
  /** Blocks the inode owns. */
  readonly taken: number;
}

/** The resize inode of a file system: the reserved descriptor blocks belong to it, so nothing else takes them. */
export function resizeInodeBlocks(g: Geometry): ResizeInodeBlocks {
  const fanout = g.blockSize / 4;
  const table = new Uint8Array(g.blockSize);
  const copies = new Map<number, Uint8Array>();
  const backups = backupGroups(g);
  for (let i = 0; i < g.reservedGdtBlocks; i++) {
    const index = g.descriptorBlocks + i;
    const reserved = g.superblockBlock + 1 + index;
    viewOf(table).setUint32(4 * (index % fanout), reserved, true);
    const list = new Uint8Array(g.blockSize);
    for (const [k, group] of backups.slice(0, fanout).entries()) {
      viewOf(list).setUint32(4 * k, reserved + group * g.blocksPerGroup, true);
    }
    copies.set(reserved, list);
  }
  return { table, copies, taken: g.clusterRatio * (1 + g.reservedGdtBlocks * (1 + backups.length)) };
}

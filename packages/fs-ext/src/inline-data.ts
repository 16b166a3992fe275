import { concatBytes } from '@vmcraft/core/binary';
import type { Inode } from './inode.js';
import { I_BLOCK_SIZE } from './layout.js';
import { hasKey, INLINE_DATA_KEY, inodeXattrs } from './xattr-inode.js';

/** Bytes of an inline directory before its entries: the parent's inode number stands for `.` and `..`. */
export const INLINE_DOTDOT_SIZE = 4;

/** All inline bytes of an inode: `i_block`, then the value of `system.data` ("Inline Data"). */
export function inlineContent(inode: Inode): Uint8Array {
  const rest = inodeXattrs(inode).find((x) => hasKey(x, INLINE_DATA_KEY));
  return concatBytes(rest === undefined ? [inode.block] : [inode.block, rest.value]);
}

/** An inline directory: its bytes and the ranges in which entries are chained. */
export interface InlineDirectory {
  readonly data: Uint8Array;
  readonly parent: number;
  readonly regions: readonly (readonly [start: number, end: number])[];
}

/** Contents of an inline directory. */
export function inlineDirectory(inode: Inode): InlineDirectory {
  const data = inlineContent(inode);
  const parent = new DataView(data.buffer).getUint32(0, true);
  const regions: [number, number][] = [[INLINE_DOTDOT_SIZE, I_BLOCK_SIZE]];
  if (data.length > I_BLOCK_SIZE) regions.push([I_BLOCK_SIZE, data.length]);
  return { data, parent, regions };
}

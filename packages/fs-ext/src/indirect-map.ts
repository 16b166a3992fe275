import type { Mapping } from './block-map.js';
import { checkBlockNumber } from './block-store.js';
import type { Inode } from './inode.js';
import { DIRECT_BLOCKS, INDIRECT_SLOT } from './layout.js';
import type { Volume } from './volume.js';

/** Way to a block: slot of `i_block`, then the slot in each indirect block, "Direct/Indirect Block Addressing". */
export interface IndirectPath {
  readonly slots: readonly number[];
  /** Blocks that a pointer of each level spans. */
  readonly spans: readonly number[];
}

/** Way to logical block `logical`, or undefined past triple indirection. */
export function indirectPath(logical: number, perBlock: number): IndirectPath | undefined {
  if (logical < DIRECT_BLOCKS) return { slots: [logical], spans: [1] };
  let rest = logical - DIRECT_BLOCKS;
  for (let depth = 1, span = perBlock; depth <= 3; depth++, span *= perBlock) {
    if (rest >= span) {
      rest -= span;
      continue;
    }
    const slots = [INDIRECT_SLOT + depth - 1];
    const spans = [span];
    for (let unit = span / perBlock; unit >= 1; unit /= perBlock) {
      slots.push(Math.floor(rest / unit) % perBlock);
      spans.push(unit);
    }
    return { slots, spans };
  }
  return undefined;
}

/** Logical blocks that indirection can reach. */
export function indirectLimit(perBlock: number): number {
  return Math.min(DIRECT_BLOCKS + perBlock + perBlock ** 2 + perBlock ** 3, 0xffffffff);
}

/** Mapping of the blocks from `logical` on by direct and indirect blocks. @throws CorruptImageError */
export async function indirectMapping(volume: Volume, inode: Inode, logical: number, count: number): Promise<Mapping> {
  const { geometry, store } = volume;
  const perBlock = geometry.blockSize / 4;
  const path = indirectPath(logical, perBlock);
  if (path === undefined) return { length: count, physical: 0, unwritten: false };
  let table = inode.block;
  let last = path.slots.length === 1 ? DIRECT_BLOCKS : INDIRECT_SLOT + 3;
  for (const [level, slot] of path.slots.entries()) {
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    const pointer = view.getUint32(slot * 4, true);
    const span = path.spans[level]!;
    if (span === 1) return runAt(volume, view, slot, Math.min(last, slot + count));
    if (pointer === 0) {
      const into = offsetWithin(path, level);
      return { length: Math.min(count, span - into), physical: 0, unwritten: false };
    }
    checkBlockNumber(pointer, geometry.blocksCount, `inode ${inode.ino}`, 'indirect block');
    table = store.peek(pointer) ?? (await store.read(pointer));
    last = perBlock;
  }
  return { length: 1, physical: 0, unwritten: false };
}

/** How far the path's block lies into the span of its pointer at `level`. */
function offsetWithin(path: IndirectPath, level: number): number {
  let into = 0;
  for (let k = level + 1; k < path.slots.length; k++) into += path.slots[k]! * path.spans[k]!;
  return into;
}

/** The run of consecutive pointers (or of zeros) from `slot` up to `end`. */
function runAt(volume: Volume, view: DataView, slot: number, end: number): Mapping {
  const first = view.getUint32(slot * 4, true);
  let next = slot + 1;
  if (first === 0) {
    while (next < end && view.getUint32(next * 4, true) === 0) next++;
    return { length: next - slot, physical: 0, unwritten: false };
  }
  while (next < end && view.getUint32(next * 4, true) === first + next - slot) next++;
  checkBlockNumber(first + next - slot - 1, volume.geometry.blocksCount, 'i_block', 'block pointer');
  return { length: next - slot, physical: first, unwritten: false };
}

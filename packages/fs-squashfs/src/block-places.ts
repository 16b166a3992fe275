import { viewOf } from '@vmcraft/core/binary';
import type { FileNode } from './inode.js';
import { DATA_SIZE_MASK } from './layout.js';
import type { Position, Volume } from './volume.js';

/** Blocks between two places that are remembered; their sizes fill half a metadata block. */
const STEP = 1024;

/** Where a block of a file is. */
export interface BlockPlace {
  /** On the device, bytes. */
  readonly position: number;
  /** As the inode has it; 0 for a block of zeros. */
  readonly size: number;
}

/** Where every {@link STEP}th block lies, and where its size is noted. */
interface Mark {
  readonly position: number;
  readonly sizes: Position;
}

/** A file's blocks lie one after the other: where one is, the sizes of all before it tell. Every so often that is remembered. */
export class BlockPlaces {
  readonly #marks = new WeakMap<FileNode, Mark[]>();

  constructor(private readonly volume: Volume) {}

  /** Place of the block with this number, counted from 0. */
  async find(file: FileNode, index: number): Promise<BlockPlace> {
    let marks = this.#marks.get(file);
    if (marks === undefined) {
      marks = [{ position: file.start, sizes: file.sizes }];
      this.#marks.set(file, marks);
    }
    const step = Math.floor(index / STEP);
    while (marks.length <= step) {
      const known = marks.length;
      const mark = marks[known - 1]!;
      const { data, next } = await this.volume.metadata(mark.sizes, STEP * 4);
      // Two reads of one file may come here at once.
      if (marks.length === known) marks.push({ position: mark.position + sum(data, STEP), sizes: next });
    }
    const mark = marks[step]!;
    const within = index - step * STEP;
    const { data } = await this.volume.metadata(mark.sizes, (within + 1) * 4);
    return { position: mark.position + sum(data, within), size: viewOf(data).getUint32(within * 4, true) };
  }
}

/** Bytes that the first `count` blocks take. */
function sum(sizes: Uint8Array, count: number): number {
  const view = viewOf(sizes);
  let total = 0;
  for (let i = 0; i < count; i++) total += view.getUint32(i * 4, true) & DATA_SIZE_MASK;
  return total;
}

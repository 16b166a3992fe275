import { TruncatedImageError } from '@vmcraft/core';
import type { MetadataCache, MetadataPage } from './page-cache.js';
import type { Run } from './run.js';

/** What a block allocation table says of one block. `position` is where its data lies in the file, in bytes. */
export interface Block {
  /** `partial`: some of its sectors are here, others in the image behind. */
  readonly kind: 'stored' | 'zero' | 'hole' | 'absent' | 'partial';
  readonly position: number;
}

/** How a one-level block allocation table is laid out. Bytes, unless said otherwise. */
export interface BlockLayout {
  /** For errors. */
  readonly structure: string;
  readonly blockBytes: number;
  readonly tableOffset: number;
  readonly entryBytes: number;
  /** Entries of the table. */
  readonly entries: number;
  /** Blocks in a row whose entries are neighbours; Infinity when all are. */
  readonly rowBlocks: number;
  /** Entry index of a block. */
  entryOf(block: number): number;
  /** Decode the entry at `at`. */
  block(view: DataView, at: number): Block;
  /** The run within a partial block. */
  partial?(block: number, position: number, within: number, limit: number): Promise<Run>;
}

/** Walks a one-level block allocation table, as VHD, VHDX and VDI have. */
export class BlockMap {
  readonly #cache: MetadataCache;
  readonly #l: BlockLayout;

  /** @throws TruncatedImageError when the table lies past the end of the file */
  constructor(cache: MetadataCache, layout: BlockLayout) {
    this.#cache = cache;
    this.#l = layout;
    const needed = layout.entries * layout.entryBytes;
    const available = Math.max(0, cache.file.size - layout.tableOffset);
    if (needed > available) {
      const { structure, tableOffset: offset } = layout;
      throw new TruncatedImageError({ structure, offset, needed, available });
    }
  }

  /** As `DiskImage.runAt`. */
  runAt(offset: number, limit: number): Run | Promise<Run> {
    const block = Math.floor(offset / this.#l.blockBytes);
    const position = this.#l.tableOffset + this.#l.entryOf(block) * this.#l.entryBytes;
    const page = this.#cache.page(position);
    return page instanceof Promise
      ? page.then((p) => this.#fromTable(p, position, block, offset, limit))
      : this.#fromTable(page, position, block, offset, limit);
  }

  #fromTable(page: MetadataPage, position: number, block: number, offset: number, limit: number): Run | Promise<Run> {
    const l = this.#l;
    const at = this.#cache.within(page, position, l.entryBytes, l.structure);
    const within = offset % l.blockBytes;
    const first = l.block(page.view, at);
    let length = l.blockBytes - within;
    if (first.kind === 'partial') {
      if (l.partial === undefined) return { kind: 'absent', length: Math.min(length, limit) };
      return l.partial(block, first.position, within, Math.min(length, limit));
    }
    const rowEnd = at + (l.rowBlocks - (block % l.rowBlocks)) * l.entryBytes;
    const tableEnd = l.tableOffset + l.entries * l.entryBytes - page.offset;
    const end = Math.min(page.valid, tableEnd, rowEnd);
    for (let p = at + l.entryBytes; length < limit && p + l.entryBytes <= end; p += l.entryBytes) {
      const next = l.block(page.view, p);
      if (next.kind !== first.kind) break;
      if (first.kind === 'stored' && next.position !== first.position + within + length) break;
      length += l.blockBytes;
    }
    length = Math.min(length, limit);
    if (first.kind !== 'stored') return { kind: first.kind, length };
    return { kind: 'stored', length, file: this.#cache.file, position: first.position + within };
  }
}

/**
 * Length of the run of equal bits from `bit` on, at most `limit` bits.
 * @param msbFirst the first bit of a byte is its highest
 */
export function bitRun(
  bits: Uint8Array,
  bit: number,
  limit: number,
  msbFirst: boolean,
): { readonly set: boolean; readonly length: number } {
  const at = (i: number): number => {
    const within = i & 7;
    return ((bits[i >> 3] as number) >> (msbFirst ? 7 - within : within)) & 1;
  };
  const first = at(bit);
  const whole = first === 1 ? 0xff : 0;
  let i = bit + 1;
  const end = bit + limit;
  while (i < end) {
    if ((i & 7) === 0 && i + 8 <= end && bits[i >> 3] === whole) i += 8;
    else if (at(i) === first) i += 1;
    else break;
  }
  return { set: first === 1, length: i - bit };
}

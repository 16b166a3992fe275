import { CorruptImageError } from '@vmcraft/core/errors';
import type { Checksum } from './checksum.js';
import { Type } from './layout.js';
import type { Item, Tree } from './tree.js';

/** Bytes of data that the items of one leaf may be for, at most: how far before an address its item may begin. */
const WINDOW_ITEMS = 4;

/** Checksums of file contents: one for each sector ("CSUM_TREE"). */
export class DataSums {
  #held: readonly Item[] = [];

  constructor(
    private readonly tree: Tree | undefined,
    private readonly checksum: Checksum,
    readonly sectorsize: number,
  ) {}

  /**
   * Check sectors against the sums that are stored for them.
   * @param logical where `data` is; a multiple of the sector size, as is its length
   * @param logged sums that the log has, which come first
   * @returns index of the first sector that is not as it should be, or -1
   */
  async firstBad(logical: number, data: Uint8Array, logged: Tree | undefined): Promise<number> {
    const { sectorsize, checksum } = this;
    for (let at = 0; at < data.length; ) {
      const sums = await this.#sumOf(logical + at, logged);
      if (sums === undefined) return at / sectorsize;
      // One item has the sums of many sectors in a row.
      const end = Math.min(data.length, at + Math.floor((sums.data.length - sums.at) / checksum.size) * sectorsize);
      for (let place = sums.at; at < end; at += sectorsize, place += checksum.size) {
        if (!checksum.matches(data.subarray(at, at + sectorsize), sums.data, place)) return at / sectorsize;
      }
    }
    return -1;
  }

  async #sumOf(
    logical: number,
    logged: Tree | undefined,
  ): Promise<{ readonly data: Uint8Array; readonly at: number } | undefined> {
    const inHeld = this.#inItems(this.#held, logical);
    if (inHeld !== undefined) return inHeld;
    for (const tree of [logged, this.tree]) {
      if (tree === undefined) continue;
      const found = await tree.last({ objectid: CSUM_OBJECTID, type: Type.extentCsum, offset: logical });
      const sum = found?.type === Type.extentCsum ? this.#inItems([found], logical) : undefined;
      if (sum === undefined) continue;
      this.#held = [found as Item, ...this.#held].slice(0, WINDOW_ITEMS);
      return sum;
    }
    return undefined;
  }

  #inItems(items: readonly Item[], logical: number): { readonly data: Uint8Array; readonly at: number } | undefined {
    const { size } = this.checksum;
    for (const item of items) {
      const at = ((logical - item.offset) / this.sectorsize) * size;
      if (at >= 0 && at + size <= item.data.length) return { data: item.data, at };
    }
    return undefined;
  }
}

/** BTRFS_EXTENT_CSUM_OBJECTID, -10. */
export const CSUM_OBJECTID = 2 ** 64 - 10;

/** The error of contents that no copy has right. */
export function badData(logical: number, name: string): CorruptImageError {
  return new CorruptImageError({
    structure: 'btrfs file contents',
    field: 'csum',
    expected: `the ${name} of its bytes`,
    found: 'another, on every copy',
    offset: logical,
  });
}

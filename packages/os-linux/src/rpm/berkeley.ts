import type { TreeFile } from '@vmcraft/core';
import { viewOf } from '@vmcraft/core/binary';
import { BDB_HASH_MAGIC, BdbItem, BdbMeta, BdbOffPage, BdbPage, BdbPageType } from './layout.js';
import { broken, checkBlobLength, MAX_PACKAGES } from './limits.js';

type Order = 'little' | 'big';

/** Pages of 512 bytes to 64 KiB, as Berkeley DB allows. */
const MIN_PAGE = 512;
const MAX_PAGE = 65_536;

/**
 * Headers of a hash database of Berkeley DB (Red Hat up to 8, SUSE up to 15.1: `Packages`): the value of every pair but that of key 0,
 * which counts the packages. @throws CorruptImageError, LimitExceededError
 */
export async function* berkeleyHeaders(file: TreeFile): AsyncIterable<Uint8Array> {
  const database = await BerkeleyHash.open(file);
  yield* database.values();
}

class BerkeleyHash {
  private constructor(
    private readonly file: TreeFile,
    private readonly order: Order,
    private readonly pageSize: number,
    private readonly lastPage: number,
  ) {}

  static async open(file: TreeFile): Promise<BerkeleyHash> {
    const first = await file.read(0, BdbMeta.little.size);
    const order: Order = BdbMeta.little.decode(first).magic === BDB_HASH_MAGIC ? 'little' : 'big';
    const { magic, pageSize, type, lastPage } = BdbMeta[order].decode(first);
    if (magic !== BDB_HASH_MAGIC) throw broken('DBMETA', 'magic', BDB_HASH_MAGIC, magic);
    if (type !== BdbPageType.hashMeta) throw broken('DBMETA', 'type', BdbPageType.hashMeta, type);
    if (pageSize < MIN_PAGE || pageSize > MAX_PAGE || (pageSize & (pageSize - 1)) !== 0) {
      throw broken('DBMETA', 'page size', 'a power of two from 512 to 65536', pageSize);
    }
    return new BerkeleyHash(file, order, pageSize, Math.min(lastPage, Math.ceil(file.size / pageSize) - 1));
  }

  async *values(): AsyncIterable<Uint8Array> {
    let found = 0;
    for (let number = 1; number <= this.lastPage; number++) {
      const page = await this.file.read(number * this.pageSize, this.pageSize);
      if (page.length < this.pageSize) return;
      const { type, entries } = BdbPage[this.order].decode(page);
      if (type !== BdbPageType.hash && type !== BdbPageType.hashUnsorted) continue;
      for (let i = 1; i < entries; i += 2) {
        const value = await this.#value(page, i);
        const COUNT = 4;
        if (value === undefined || value.length <= COUNT) continue;
        if (++found > MAX_PACKAGES) throw broken('PAGE', 'pairs', `at most ${MAX_PACKAGES}`, found);
        yield value;
      }
    }
  }

  /** An item ends where the one before it begins: they grow from the end of the page. */
  async #value(page: Uint8Array, index: number): Promise<Uint8Array | undefined> {
    const view = viewOf(page);
    const slot = (i: number): number => {
      const at = BdbPage.little.size + i * 2;
      if (at + 2 > page.length) throw broken('PAGE', 'entries', 'inside the page', i);
      return view.getUint16(at, this.order === 'little');
    };
    const at = slot(index);
    const end = slot(index - 1);
    if (at >= end || end > page.length) throw broken('PAGE', `item ${index}`, `before ${end}`, at);
    const kind = page[at];
    if (kind === BdbItem.keyData) return page.subarray(at + 1, end);
    if (kind !== BdbItem.offPage) return undefined;
    const { page: first, length } = BdbOffPage[this.order].decode(page, at);
    return this.#chain(first, length);
  }

  async #chain(first: number, length: number): Promise<Uint8Array> {
    checkBlobLength(length, 'Berkeley DB');
    if (length > this.file.size) throw broken('HOFFPAGE', 'length', `at most ${this.file.size}`, length);
    const out = new Uint8Array(length);
    let filled = 0;
    for (let number = first; filled < length; ) {
      if (number === 0 || number > this.lastPage) throw broken('PAGE', 'next page', `1 to ${this.lastPage}`, number);
      const page = await this.file.read(number * this.pageSize, this.pageSize);
      const header = BdbPage[this.order].decode(page);
      if (header.type !== BdbPageType.overflow) throw broken('PAGE', 'type', BdbPageType.overflow, header.type);
      // A page without data would let a circle of pages go on for ever.
      if (header.dataLength === 0) throw broken('PAGE', 'data length', 'more than 0', 0);
      const start = BdbPage.little.size;
      const part = page.subarray(start, Math.min(page.length, start + header.dataLength, start + length - filled));
      out.set(part, filled);
      filled += part.length;
      number = header.next;
    }
    return out;
  }
}

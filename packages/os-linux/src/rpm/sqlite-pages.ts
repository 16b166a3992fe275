import type { TreeFile } from '@vmcraft/core';
import { equalBytes, viewOf } from '@vmcraft/core/binary';
import { SQLITE_MAGIC, SqliteHeader, WAL_MAGIC, WalFrame, WalHeader } from './layout.js';
import { broken } from './limits.js';

/** Pages of an SQLite database, with what its write-ahead log has committed over them. */
export class SqlitePages {
  readonly #logged: ReadonlyMap<number, number>;

  private constructor(
    private readonly file: TreeFile,
    private readonly log: TreeFile | undefined,
    /** Bytes. */
    readonly pageSize: number,
    /** Bytes of a page that hold content. */
    readonly usable: number,
    logged: ReadonlyMap<number, number>,
  ) {
    this.#logged = logged;
  }

  /** @param log the file `NAME-wal`, where there is one. @throws CorruptImageError */
  static async open(file: TreeFile, log: TreeFile | undefined): Promise<SqlitePages> {
    const header = SqliteHeader.decode(await file.read(0, SqliteHeader.size));
    if (!equalBytes(header.magic, SQLITE_MAGIC)) throw broken('sqlite header', 'magic', 'SQLite format 3', 'other');
    const pageSize = header.pageSize === 1 ? 65_536 : header.pageSize;
    const MIN_PAGE = 512;
    const MIN_USABLE = 480;
    if (pageSize < MIN_PAGE || (pageSize & (pageSize - 1)) !== 0 || pageSize - header.reserved < MIN_USABLE) {
      throw broken('sqlite header', 'page size', 'a power of two from 512 to 65536', pageSize);
    }
    const logged = log === undefined ? new Map<number, number>() : await committedFrames(log, pageSize);
    return new SqlitePages(file, log, pageSize, pageSize - header.reserved, logged);
  }

  /** One page. Numbers begin at 1. @throws CorruptImageError */
  async page(number: number): Promise<Uint8Array> {
    const at = this.#logged.get(number);
    const page =
      at === undefined || this.log === undefined
        ? await this.file.read((number - 1) * this.pageSize, this.pageSize)
        : await this.log.read(at, this.pageSize);
    if (number < 1 || page.length < this.pageSize) throw broken('sqlite page', 'number', 'inside the file', number);
    return page;
  }

  /** Pages there can be at most. */
  get count(): number {
    return Math.ceil(this.file.size / this.pageSize) + this.#logged.size;
  }
}

/**
 * Where the log has the newest committed content of each page, bytes. It ends at the first frame whose salt or checksum is not right
 * (4.2 "Checksum Algorithm", 4.3 "Checkpoint Algorithm").
 */
async function committedFrames(log: TreeFile, pageSize: number): Promise<ReadonlyMap<number, number>> {
  const committed = new Map<number, number>();
  if (log.size < WalHeader.size) return committed;
  const first = await log.read(0, WalHeader.size);
  const header = WalHeader.decode(first);
  const isBig = (header.magic & 1) === 1;
  if (header.magic >>> 1 !== WAL_MAGIC >>> 1 || header.pageSize !== pageSize) return committed;
  const sum = new WalChecksum(isBig);
  sum.add(first.subarray(0, 24));
  if (!sum.is(header.checksum1, header.checksum2)) return committed;
  const pending = new Map<number, number>();
  const size = WalFrame.size + pageSize;
  for (let at = WalHeader.size; at + size <= log.size; at += size) {
    const data = await log.read(at, size);
    if (data.length < size) break;
    const frame = WalFrame.decode(data);
    if (frame.salt1 !== header.salt1 || frame.salt2 !== header.salt2) break;
    sum.add(data.subarray(0, 8));
    sum.add(data.subarray(WalFrame.size));
    if (!sum.is(frame.checksum1, frame.checksum2)) break;
    pending.set(frame.page, at + WalFrame.size);
    if (frame.pagesAfterCommit === 0) continue;
    for (const [page, place] of pending) committed.set(page, place);
    pending.clear();
  }
  return committed;
}

/** 4.2 "Checksum Algorithm". */
class WalChecksum {
  #s0 = 0;
  #s1 = 0;

  constructor(private readonly isBig: boolean) {}

  add(data: Uint8Array): void {
    const view = viewOf(data);
    for (let at = 0; at + 8 <= data.length; at += 8) {
      this.#s0 = (this.#s0 + view.getUint32(at, !this.isBig) + this.#s1) >>> 0;
      this.#s1 = (this.#s1 + view.getUint32(at + 4, !this.isBig) + this.#s0) >>> 0;
    }
  }

  is(s0: number, s1: number): boolean {
    return this.#s0 === s0 && this.#s1 === s1;
  }
}

import type { TreeFile } from '@vmcraft/core';
import { viewOf } from '@vmcraft/core/binary';
import { BtreePage, LEAF_HEADER, PageType, SqliteHeader } from './layout.js';
import { broken, checkBlobLength, MAX_PACKAGES } from './limits.js';
import { SqlitePages } from './sqlite-pages.js';

/** 1.6: a tree of b-tree pages is at most 20 deep in SQLite itself. */
const MAX_DEPTH = 20;

/**
 * Headers of an SQLite database (Fedora from 33, Red Hat from 9: `rpmdb.sqlite`): the column `blob` of the table `Packages`.
 * @param log the file `rpmdb.sqlite-wal`, where there is one
 * @throws CorruptImageError, LimitExceededError
 */
export async function* sqliteHeaders(file: TreeFile, log: TreeFile | undefined): AsyncIterable<Uint8Array> {
  const pages = await SqlitePages.open(file, log);
  const root = await rootOf(pages, 'Packages');
  if (root === undefined) throw broken('sqlite_schema', 'table', 'Packages', 'none');
  let found = 0;
  for await (const record of new TableWalk(pages).records(root)) {
    const BLOB = 1;
    const blob = column(record, BLOB);
    if (blob instanceof Uint8Array) yield blob;
    if (++found > MAX_PACKAGES) throw broken('Packages', 'rows', `at most ${MAX_PACKAGES}`, found);
  }
}

/** 2.6 "Storage Of The SQL Database Schema": type, name, tbl_name, rootpage, sql. */
async function rootOf(pages: SqlitePages, table: string): Promise<number | undefined> {
  for await (const record of new TableWalk(pages).records(1)) {
    const [type, name, root] = [column(record, 0), column(record, 1), column(record, 3)];
    const isTable = text(type) === 'table' && text(name)?.toLowerCase() === table.toLowerCase();
    if (isTable && typeof root === 'number') return root;
  }
  return undefined;
}

const text = (value: Uint8Array | number | undefined): string | undefined =>
  value instanceof Uint8Array ? new TextDecoder().decode(value) : undefined;

/** A walk through a table; every page once. */
class TableWalk {
  readonly #seen = new Set<number>();

  constructor(private readonly pages: SqlitePages) {}

  async *records(root: number, depth = 0): AsyncIterable<Uint8Array> {
    if (depth > MAX_DEPTH || this.#seen.has(root)) throw broken('sqlite b-tree', 'page', 'one not seen before', root);
    this.#seen.add(root);
    const page = await this.pages.page(root);
    const start = root === 1 ? SqliteHeader.size : 0;
    const { type, cells, rightMost } = BtreePage.decode(page, start);
    const isLeaf = type === PageType.leafTable;
    if (!isLeaf && type !== PageType.interiorTable) throw broken('sqlite b-tree page', 'type', '5 or 13', type);
    const pointers = start + (isLeaf ? LEAF_HEADER : BtreePage.size);
    if (pointers + cells * 2 > page.length) throw broken('sqlite b-tree page', 'cells', 'inside the page', cells);
    const view = viewOf(page);
    for (let i = 0; i < cells; i++) {
      const at = view.getUint16(pointers + i * 2);
      const POINTER = 4;
      if (at + POINTER > page.length) throw broken('sqlite b-tree page', 'cell', 'inside the page', at);
      if (isLeaf) yield await this.#payload(page, at);
      else yield* this.records(view.getUint32(at), depth + 1);
    }
    if (!isLeaf) yield* this.records(rightMost, depth + 1);
  }

  /** 1.6: what of a payload lies on the leaf, and the rest on overflow pages. */
  async #payload(page: Uint8Array, cell: number): Promise<Uint8Array> {
    const length = varint(page, cell);
    const row = varint(page, length.end);
    checkBlobLength(length.value, 'sqlite');
    const { usable } = this.pages;
    const local = localLength(length.value, usable);
    if (row.end + local > page.length) throw broken('sqlite cell', 'payload', 'inside the page', local);
    if (local === length.value) return page.subarray(row.end, row.end + local);
    if (length.value > this.pages.count * usable) throw broken('sqlite cell', 'length', 'of this file', length.value);
    const out = new Uint8Array(length.value);
    out.set(page.subarray(row.end, row.end + local));
    if (row.end + local + 4 > page.length) throw broken('sqlite cell', 'overflow page', 'inside the page', local);
    let next = viewOf(page).getUint32(row.end + local);
    // Each page adds bytes, so that a circle ends as well.
    for (let filled = local; filled < out.length; ) {
      const more = await this.pages.page(next);
      const part = more.subarray(4, Math.min(usable, 4 + out.length - filled));
      out.set(part, filled);
      filled += part.length;
      next = viewOf(more).getUint32(0);
    }
    return out;
  }
}

/** 1.6: the variables U, P, X, M and K of a table leaf. */
function localLength(payload: number, usable: number): number {
  const most = usable - 35;
  if (payload <= most) return payload;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const kept = least + ((payload - least) % (usable - 4));
  return kept <= most ? kept : least;
}

/** 1.6 "varint": up to nine bytes, the ninth whole. */
function varint(data: Uint8Array, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let i = 0; i < 8; i++) {
    const byte = data[at + i];
    if (byte === undefined) throw broken('sqlite varint', 'bytes', 'inside the page', at);
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, end: at + i + 1 };
  }
  return { value: value * 256 + (data[at + 8] ?? 0), end: at + 9 };
}

/** 2.1 "Record Format": bytes of a text or blob, a small integer, or undefined. */
function column(record: Uint8Array, wanted: number): Uint8Array | number | undefined {
  const header = varint(record, 0);
  let at = header.end;
  let place = header.value;
  for (let index = 0; at < header.value && at < record.length; index++) {
    const type = varint(record, at);
    at = type.end;
    const length = contentLength(type.value);
    if (index === wanted)
      return place + length > record.length ? undefined : content(record, type.value, place, length);
    place += length;
  }
  return undefined;
}

function contentLength(type: number): number {
  const FIXED = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0];
  return FIXED[type] ?? Math.floor((type - 12) / 2);
}

function content(record: Uint8Array, type: number, at: number, length: number): Uint8Array | number | undefined {
  const FIRST_TEXT = 12;
  if (type >= FIRST_TEXT) return record.subarray(at, at + length);
  const LAST_INTEGER = 4;
  if (type === 8 || type === 9) return type - 8;
  if (type < 1 || type > LAST_INTEGER) return undefined;
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + (record[at + i] as number);
  return value;
}

import { type HostFile, TruncatedImageError } from '@vmcraft/core';
import type { MetadataCache, MetadataPage } from '../page-cache.js';
import type { Run } from '../run.js';

/** What a grain table entry says. `position` is in bytes. */
export interface Grain {
  readonly kind: 'stored' | 'zero' | 'absent' | 'packed';
  readonly position: number;
}

/** How the tables of one kind of sparse extent are laid out. Sizes and offsets are bytes. */
export interface GrainLayout {
  readonly grainBytes: number;
  readonly entryBytes: number;
  readonly entriesPerTable: number;
  readonly directoryOffset: number;
  readonly directoryEntries: number;
  /** Offset of the table that a directory entry points at; 0 when there is none. */
  tableOffset(view: DataView, at: number): number;
  /** What a table entry says. */
  grain(view: DataView, at: number): Grain;
}

/** Walks grain directory and grain tables of one sparse extent. */
export class GrainMap {
  readonly #cache: MetadataCache;
  readonly #layout: GrainLayout;
  readonly #unpack: (position: number) => Promise<Uint8Array>;

  /** @throws TruncatedImageError when the directory lies past the end of the file */
  constructor(cache: MetadataCache, layout: GrainLayout, unpack: (position: number) => Promise<Uint8Array>) {
    this.#cache = cache;
    this.#layout = layout;
    this.#unpack = unpack;
    const needed = layout.directoryEntries * layout.entryBytes;
    const available = Math.max(0, cache.file.size - layout.directoryOffset);
    if (needed > available) {
      const offset = layout.directoryOffset;
      throw new TruncatedImageError({ structure: 'vmdk grain directory', offset, needed, available });
    }
  }

  get #file(): HostFile {
    return this.#cache.file;
  }

  /** As `DiskImage.runAt`, within the extent. */
  runAt(offset: number, limit: number): Run | Promise<Run> {
    const l = this.#layout;
    const index = Math.floor(offset / (l.grainBytes * l.entriesPerTable));
    const position = l.directoryOffset + index * l.entryBytes;
    const page = this.#cache.page(position);
    return page instanceof Promise
      ? page.then((p) => this.#fromDirectory(p, position, offset, limit))
      : this.#fromDirectory(page, position, offset, limit);
  }

  #fromDirectory(page: MetadataPage, position: number, offset: number, limit: number): Run | Promise<Run> {
    const l = this.#layout;
    const at = this.#cache.within(page, position, l.entryBytes, 'vmdk grain directory');
    const table = l.tableOffset(page.view, at);
    if (table === 0) return this.#absentTables(page, at, position, offset, limit);
    const index = Math.floor(offset / l.grainBytes) % l.entriesPerTable;
    const entry = table + index * l.entryBytes;
    const tablePage = this.#cache.page(entry);
    return tablePage instanceof Promise
      ? tablePage.then((p) => this.#fromTable(p, table, entry, offset, limit))
      : this.#fromTable(tablePage, table, entry, offset, limit);
  }

  /** A hole over all neighbouring directory entries without a table. */
  #absentTables(page: MetadataPage, at: number, position: number, offset: number, limit: number): Run {
    const l = this.#layout;
    const coverage = l.grainBytes * l.entriesPerTable;
    let length = coverage - (offset % coverage);
    const directoryEnd = l.directoryOffset + l.directoryEntries * l.entryBytes - position + at;
    const end = Math.min(page.valid, directoryEnd);
    for (let p = at + l.entryBytes; length < limit && p + l.entryBytes <= end; p += l.entryBytes) {
      if (l.tableOffset(page.view, p) !== 0) break;
      length += coverage;
    }
    return { kind: 'absent', length: Math.min(length, limit) };
  }

  #fromTable(page: MetadataPage, table: number, position: number, offset: number, limit: number): Run {
    const l = this.#layout;
    const at = this.#cache.within(page, position, l.entryBytes, 'vmdk grain table');
    const end = Math.min(page.valid, table + l.entriesPerTable * l.entryBytes - page.offset);
    const within = offset % l.grainBytes;
    const first = l.grain(page.view, at);
    let length = l.grainBytes - within;
    if (first.kind === 'packed') {
      const unpack = (): Promise<Uint8Array> => this.#unpack(first.position);
      return { kind: 'packed', length: Math.min(length, limit), start: within, unpack };
    }
    for (let p = at + l.entryBytes; length < limit && p + l.entryBytes <= end; p += l.entryBytes) {
      const next = l.grain(page.view, p);
      if (next.kind !== first.kind) break;
      if (first.kind === 'stored' && next.position !== first.position + within + length) break;
      length += l.grainBytes;
    }
    length = Math.min(length, limit);
    if (first.kind !== 'stored') return { kind: first.kind, length };
    return { kind: 'stored', length, file: this.#file, position: first.position + within };
  }
}

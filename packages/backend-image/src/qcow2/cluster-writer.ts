import {
  alignDown,
  alignUp,
  CorruptImageError,
  concatBytes,
  type HostFile,
  type IoOptions,
  isZero,
} from '@vmcraft/core';
import type { MetadataCache } from '../page-cache.js';
import type { DiskImage } from '../run.js';
import { readImage } from '../run-reader.js';
import { clusterRun } from './cluster-runs.js';
import { decodeEntry, encodeEntry, type L2Entry, type L2Geometry } from './l2-entry.js';
import type { EntryPlace, L2Tables } from './l2-tables.js';
import { HIGH_COPIED } from './layout.js';
import type { MetadataGuard } from './metadata-guard.js';
import { RANK } from './ranks.js';
import type { Refcounts } from './refcounts.js';

/** What writing clusters works on. */
export interface WriterParts {
  readonly geometry: L2Geometry;
  readonly cache: MetadataCache;
  readonly tables: L2Tables;
  readonly refcounts: Refcounts;
  readonly guard: MetadataGuard;
  /** Where guest clusters lie. */
  readonly data: HostFile;
  /** What was never written does not read as zeros. */
  readonly encrypted: boolean;
  /** The image as it reads now, to copy from. */
  readonly image: DiskImage;
}

/** Places to put clusters. */
interface Room {
  readonly offset: number;
  readonly count: number;
  /** Behind the end of the file: reads as zeros until written. */
  readonly fresh: boolean;
}

/** A stretch within one cluster. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Writes guest bytes: in place where the cluster is the active state's own, else into new clusters (copy on write). */
export class ClusterWriter {
  readonly #p: WriterParts;

  constructor(parts: WriterParts) {
    this.#p = parts;
  }

  /** Write as much of `data` as one step can. @returns bytes written, at least one */
  async step(offset: number, data: Uint8Array, options?: IoOptions): Promise<number> {
    const g = this.#p.geometry;
    const place = await this.#p.tables.writableEntry(offset);
    const within = offset % g.clusterSize;
    const room = ((place.end - place.at) / g.entryBytes) * g.clusterSize - within;
    const part = data.length > room ? data.subarray(0, room) : data;
    const inPlace = this.#inPlace(place, offset, within, part.length);
    if (inPlace !== undefined) {
      this.#p.guard.check(inPlace.host, inPlace.length);
      await this.#p.data.write(inPlace.host, part.subarray(0, inPlace.length), options);
      return inPlace.length;
    }
    const entry = this.#decode(place, place.at, offset - within);
    if (entry.host !== undefined && entry.copied) return this.#fill(place, entry, offset, part, options);
    return this.#allocate(place, offset, part, options);
  }

  /** Stored bytes from `within` on that lie in clusters of our own, next to each other. */
  #inPlace(
    place: EntryPlace,
    offset: number,
    within: number,
    limit: number,
  ): { host: number; length: number } | undefined {
    const g = this.#p.geometry;
    const run = clusterRun(g, place.page.view, place.at, place.end, within, limit);
    if (run.kind !== 'stored') return undefined;
    if (g.dataFile) {
      this.#checkDataOffset(run.host, offset);
      return { host: run.host, length: run.length };
    }
    let own = 0;
    for (let p = place.at; own < run.length; p += g.entryBytes) {
      if ((place.page.view.getUint32(p) & HIGH_COPIED) === 0) break;
      own += p === place.at ? g.clusterSize - within : g.clusterSize;
    }
    return own === 0 ? undefined : { host: run.host, length: Math.min(own, run.length) };
  }

  #decode(place: EntryPlace, at: number, cluster: number): L2Entry {
    const entry = decodeEntry(this.#p.geometry, place.page.view, at);
    if (!this.#p.geometry.dataFile || entry.host === undefined) return entry;
    this.#checkDataOffset(entry.host, cluster);
    return { ...entry, copied: true };
  }

  /** Section "External data file bit": host and guest offsets are the same. */
  #checkDataOffset(host: number, guest: number): void {
    if (host === guest) return;
    const details = { field: 'offset', expected: guest, found: host };
    throw new CorruptImageError({ structure: 'qcow2.l2Entry', ...details });
  }

  /** Write into a cluster that we have, but that is not stored throughout: preallocated zeros, or missing subclusters. */
  async #fill(
    place: EntryPlace,
    entry: L2Entry,
    offset: number,
    data: Uint8Array,
    options?: IoOptions,
  ): Promise<number> {
    const g = this.#p.geometry;
    const within = offset % g.clusterSize;
    const length = Math.min(data.length, g.clusterSize - within);
    const span = { from: within, to: within + length };
    const host = entry.host as number;
    this.#p.guard.check(host, g.clusterSize);
    const part = data.subarray(0, length);
    await this.#writeCopying(offset - within, host, span, this.#copySpan(entry, span), part, false, options);
    const touched = touchedBits(g, span);
    await this.#store(place, 0, {
      host,
      copied: true,
      stored: (entry.stored | touched) >>> 0,
      zero: (entry.zero & ~touched) >>> 0,
    });
    return length;
  }

  /** Put data into new clusters, as many as lie together. */
  async #allocate(place: EntryPlace, offset: number, data: Uint8Array, options?: IoOptions): Promise<number> {
    const g = this.#p.geometry;
    const within = offset % g.clusterSize;
    const old = this.#replaceable(place, offset - within, Math.ceil((within + data.length) / g.clusterSize));
    const room = await this.#room(offset - within, old.length);
    const length = Math.min(data.length, room.count * g.clusterSize - within);
    try {
      await this.#writeRun(offset, data.subarray(0, length), room, old, options);
    } catch (error) {
      if (!g.dataFile) this.#p.refcounts.release(room.offset, room.count * g.clusterSize);
      throw error;
    }
    for (let i = 0; i < room.count; i++) {
      const span = this.#spanOf(i, within, length);
      await this.#replace(place, i, old[i] as L2Entry, room.offset + i * g.clusterSize, span);
    }
    return length;
  }

  /** Entries from `place` on, at most `count`, that need a new cluster to be written. */
  #replaceable(place: EntryPlace, cluster: number, count: number): L2Entry[] {
    const g = this.#p.geometry;
    const found: L2Entry[] = [];
    for (let i = 0; i < count && place.at + (i + 1) * g.entryBytes <= place.end; i++) {
      const entry = this.#decode(place, place.at + i * g.entryBytes, cluster + i * g.clusterSize);
      if (i > 0 && entry.host !== undefined && entry.copied) break;
      found.push(entry);
    }
    return found;
  }

  async #room(cluster: number, wanted: number): Promise<Room> {
    const g = this.#p.geometry;
    if (g.dataFile)
      return { offset: cluster, count: wanted, fresh: !this.#p.encrypted && cluster >= this.#p.data.size };
    const { offset, count } = await this.#p.refcounts.allocate(wanted);
    return { offset, count, fresh: !this.#p.encrypted && offset >= this.#p.data.size };
  }

  /** Which bytes of the i-th cluster are written by a run that begins at `within` of the first. */
  #spanOf(i: number, within: number, length: number): Span {
    const size = this.#p.geometry.clusterSize;
    return { from: i === 0 ? within : 0, to: Math.min(size, within + length - i * size) };
  }

  /** One write for the run; only its first and last cluster can need old bytes around the new ones. */
  async #writeRun(
    offset: number,
    data: Uint8Array,
    room: Room,
    old: readonly L2Entry[],
    options?: IoOptions,
  ): Promise<void> {
    const size = this.#p.geometry.clusterSize;
    const within = offset % size;
    const first = this.#spanOf(0, within, data.length);
    const last = this.#spanOf(room.count - 1, within, data.length);
    const copyFrom = this.#copySpan(old[0] as L2Entry, first).from;
    const copyTo = this.#copySpan(old[room.count - 1] as L2Entry, last).to;
    const lastAt = (room.count - 1) * size;
    const span = { from: within, to: within + data.length };
    const copy = { from: copyFrom, to: lastAt + copyTo };
    await this.#writeCopying(offset - within, room.offset, span, copy, data, room.fresh, options);
  }

  /**
   * Write `data` to `span` after `host`, and the bytes of the guest from `cluster` on to what `copy` has beyond it.
   * @param fresh zeros need not be written
   */
  async #writeCopying(
    cluster: number,
    host: number,
    span: Span,
    copy: Span,
    data: Uint8Array,
    fresh: boolean,
    options?: IoOptions,
  ): Promise<void> {
    const head = await this.#oldBytes(cluster, copy.from, span.from, fresh);
    const tail = await this.#oldBytes(cluster, span.to, copy.to, fresh);
    const bytes = head.length + tail.length === 0 ? data : concatBytes([head, data, tail]);
    await this.#p.data.write(host + span.from - head.length, bytes, options);
  }

  async #oldBytes(cluster: number, from: number, to: number, fresh: boolean): Promise<Uint8Array> {
    // A last cluster may stick out of the disk; what is there is never read, but must not be somebody's old bytes.
    const length = Math.max(0, Math.min(to - from, this.#p.image.size - cluster - from));
    const bytes = length === 0 ? new Uint8Array(0) : await readImage(this.#p.image, cluster + from, length);
    if (fresh && isZero(bytes)) return new Uint8Array(0);
    return bytes.length === to - from ? bytes : concatBytes([bytes, new Uint8Array(to - from - bytes.length)]);
  }

  /** The stretch of a new or incomplete cluster that has to hold right bytes when `span` is written. */
  #copySpan(entry: L2Entry, span: Span): Span {
    const g = this.#p.geometry;
    if (entry.packed !== undefined || (entry.host !== undefined && !entry.copied))
      return { from: 0, to: g.clusterSize };
    const firstBit = 2 ** Math.floor(span.from / g.subclusterSize);
    const lastBit = 2 ** Math.floor((span.to - 1) / g.subclusterSize);
    return {
      from: (entry.stored & firstBit) !== 0 ? span.from : alignDown(span.from, g.subclusterSize),
      to: (entry.stored & lastBit) !== 0 ? span.to : alignUp(span.to, g.subclusterSize),
    };
  }

  /** Point an entry at its new cluster and let go of the old one. */
  async #replace(place: EntryPlace, i: number, old: L2Entry, host: number, span: Span): Promise<void> {
    const g = this.#p.geometry;
    const whole = old.packed !== undefined || old.host !== undefined;
    const touched = touchedBits(g, span);
    const stored = whole ? allBits(g) : touched;
    await this.#store(place, i, { host, copied: true, stored, zero: whole ? 0 : (old.zero & ~touched) >>> 0 });
    if (old.packed !== undefined) this.#p.refcounts.release(old.packed.offset, old.packed.length);
    else if (old.host !== undefined) this.#p.refcounts.release(old.host, g.clusterSize);
  }

  async #store(place: EntryPlace, i: number, entry: Omit<L2Entry, 'packed'>): Promise<void> {
    const { page, at } = await this.#p.tables.again(place);
    encodeEntry(this.#p.geometry, page.view, at + i * this.#p.geometry.entryBytes, entry);
    this.#p.cache.touch(page, RANK.l2);
  }
}

/** Subclusters that a stretch touches, as bits. */
export function touchedBits(g: L2Geometry, span: Span): number {
  const first = Math.floor(span.from / g.subclusterSize);
  const end = Math.ceil(span.to / g.subclusterSize);
  return (2 ** end - 2 ** first) >>> 0;
}

/** All subclusters of a cluster, as bits. */
export function allBits(g: L2Geometry): number {
  return (2 ** g.subclusters - 1) >>> 0;
}

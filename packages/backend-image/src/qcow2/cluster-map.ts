import { type HostFile, type SectorCipher, TruncatedImageError } from '@vmcraft/core';
import type { MetadataCache, MetadataPage } from '../page-cache.js';
import type { AbsentRun, Run, ZeroRun } from '../run.js';
import { unpackUnit } from '../unpack.js';
import { UnpackedCache } from '../unpacked-cache.js';
import { clusterRun } from './cluster-runs.js';
import { checkAligned, hostOffset, type L2Geometry, packedPlace } from './l2-entry.js';
import { COMPRESSION_TYPES, ENTRY_BYTES } from './layout.js';

/** Where an active or snapshot L1 table lies. */
export interface L1Table {
  /** Bytes into the file. */
  offset: number;
  /** Entries. */
  entries: number;
}

/** What a {@link ClusterMap} works on. */
export interface ClusterMapOptions {
  readonly geometry: L2Geometry;
  readonly cache: MetadataCache;
  readonly l1: L1Table;
  /** Where guest clusters lie: the image or its data file. */
  readonly data: HostFile;
  /** Where compressed clusters lie, which are never encrypted: the same without decryption. */
  readonly packed: HostFile;
  /** Cipher that counts by guest offsets. */
  readonly guestCipher: SectorCipher | undefined;
  readonly compressionType: number;
  readonly hasBacking: boolean;
}

/** Walks L1 and L2 tables from guest bytes to runs. */
export class ClusterMap {
  readonly geometry: L2Geometry;
  readonly l1: L1Table;
  readonly #o: ClusterMapOptions;
  readonly #unpacked: UnpackedCache;

  constructor(options: ClusterMapOptions) {
    this.#o = options;
    this.geometry = options.geometry;
    this.l1 = options.l1;
    this.#unpacked = new UnpackedCache(options.geometry.clusterSize);
  }

  /** See `DiskImage.runAt`. */
  runAt(offset: number, limit: number): Run | Promise<Run> {
    const index = Math.floor(offset / this.geometry.coverage);
    const position = this.l1.offset + index * ENTRY_BYTES;
    const page = this.#o.cache.page(position);
    return page instanceof Promise
      ? page.then((p) => this.#fromL1(p, position, offset, limit))
      : this.#fromL1(page, position, offset, limit);
  }

  #fromL1(page: MetadataPage, position: number, offset: number, limit: number): Run | Promise<Run> {
    const at = this.#o.cache.within(page, position, ENTRY_BYTES, 'qcow2 L1 table');
    const table = hostOffset(page.view.getUint32(at), page.view.getUint32(at + 4));
    if (table === 0) return this.#absent(this.#absentTables(page, at, offset, limit));
    checkAligned(this.geometry, table, 'qcow2.l1Entry');
    const entry = Math.floor((offset % this.geometry.coverage) / this.geometry.clusterSize);
    const l2Position = table + entry * this.geometry.entryBytes;
    const l2Page = this.#o.cache.page(l2Position);
    return l2Page instanceof Promise
      ? l2Page.then((p) => this.#fromL2(p, table, l2Position, offset, limit))
      : this.#fromL2(l2Page, table, l2Position, offset, limit);
  }

  /** Bytes from `offset` on that have no L2 table, as far as this page of the L1 table tells. */
  #absentTables(page: MetadataPage, at: number, offset: number, limit: number): number {
    const coverage = this.geometry.coverage;
    let length = coverage - (offset % coverage);
    const l1End = this.l1.offset + this.l1.entries * ENTRY_BYTES - page.offset;
    const end = Math.min(page.valid, l1End);
    for (let p = at + ENTRY_BYTES; length < limit && p + ENTRY_BYTES <= end; p += ENTRY_BYTES) {
      if (hostOffset(page.view.getUint32(p), page.view.getUint32(p + 4)) !== 0) break;
      length += coverage;
    }
    return Math.min(length, limit);
  }

  #fromL2(page: MetadataPage, table: number, position: number, offset: number, limit: number): Run {
    const g = this.geometry;
    const at = this.#o.cache.within(page, position, g.entryBytes, 'qcow2 L2 table');
    const tableEnd = table + g.clusterSize - page.offset;
    const usable = page.valid - (page.valid % g.entryBytes);
    const within = offset % g.clusterSize;
    const run = clusterRun(g, page.view, at, Math.min(tableEnd, usable), within, limit);
    if (run.kind === 'absent') return this.#absent(run.length);
    if (run.kind === 'zero') return { kind: 'zero', length: run.length };
    if (run.kind === 'packed') return this.#packed(page.view, at, within, run.length);
    const stored = { kind: 'stored', length: run.length, file: this.#o.data, position: run.host } as const;
    const { guestCipher: cipher } = this.#o;
    if (cipher !== undefined) return { ...stored, cipher: { cipher, offset } };
    return { ...stored, paddedUnit: g.clusterSize };
  }

  #absent(length: number): AbsentRun | ZeroRun {
    return { kind: this.#o.hasBacking ? 'absent' : 'hole', length };
  }

  #packed(view: DataView, at: number, start: number, length: number): Run {
    const place = packedPlace(this.geometry, view.getUint32(at), view.getUint32(at + 4));
    const unpack = (): Promise<Uint8Array> =>
      this.#unpacked.get(place.offset, async () => {
        const data = await this.#o.packed.read(place.offset, place.length);
        if (data.length === 0) {
          const details = { offset: place.offset, needed: place.length, available: 0 };
          throw new TruncatedImageError({ structure: 'qcow2 compressed cluster', ...details });
        }
        const packing = COMPRESSION_TYPES[this.#o.compressionType] === 'zstd' ? 'zstd' : 'deflate';
        return unpackUnit(packing, data, this.geometry.clusterSize, place.offset);
      });
    return { kind: 'packed', length, start, unpack };
  }

  /** Forget unpacked clusters; their places may be used anew. */
  forgetUnpacked(): void {
    this.#unpacked.clear();
  }
}

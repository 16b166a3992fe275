import {
  alignUp,
  CorruptImageError,
  type HostFile,
  LimitExceededError,
  TruncatedImageError,
  viewOf,
} from '@vmcraft/core';
import { bitmapsPlace } from './bitmaps.js';
import { hostOffset, type L2Geometry, packedPlace } from './l2-entry.js';
import { BitmapDirectoryEntry, ENTRY_BYTES, HIGH_COMPRESSED, MAX_L1_BYTES } from './layout.js';
import type { Qcow2Parts } from './qcow2-image.js';
import { snapshotL1Bytes } from './snapshots.js';

/** Clusters of a file whose refcounts can be rebuilt: bounds memory to 2 bytes each. */
const MAX_CLUSTERS = 64 * 1024 * 1024;
/** Bytes of a table read at a time. */
const WINDOW = 1 << 20;

/** Counts every reference to host clusters, from the tables alone. */
export class ReferenceCounter {
  /** References by cluster. */
  readonly counts: Uint16Array;
  readonly #parts: Qcow2Parts;
  readonly #file: HostFile;
  readonly #g: L2Geometry;

  /** @throws LimitExceededError when the file has too many clusters to count */
  constructor(parts: Qcow2Parts) {
    this.#parts = parts;
    this.#file = parts.file;
    this.#g = parts.map.geometry;
    const clusters = Math.ceil(parts.file.size / this.#g.clusterSize);
    if (clusters > MAX_CLUSTERS) {
      throw new LimitExceededError({ limit: 'clusters to count', value: clusters, max: MAX_CLUSTERS });
    }
    this.counts = new Uint16Array(clusters);
  }

  /** Count what the header and all L1 tables reach; refcount structures themselves are left out. */
  async countAll(): Promise<void> {
    const { header, map, snapshots, snapshotTableBytes } = this.#parts;
    this.#add(0, this.#g.clusterSize);
    this.#add(header.snapshotsOffset, snapshotTableBytes);
    if (header.encryption?.method === 'luks') this.#add(header.encryption.offset, header.encryption.length);
    await this.#addL1(map.l1.offset, map.l1.entries * ENTRY_BYTES);
    for (const snapshot of snapshots) await this.#addL1(snapshot.l1Offset, snapshotL1Bytes(snapshot));
    await this.#addBitmaps();
  }

  #add(offset: number, length: number): void {
    if (length === 0) return;
    const first = Math.floor(offset / this.#g.clusterSize);
    const end = Math.ceil((offset + length) / this.#g.clusterSize);
    if (end > this.counts.length) {
      const details = { offset, needed: length, available: Math.max(0, this.#file.size - offset) };
      throw new TruncatedImageError({ structure: 'qcow2 cluster', ...details });
    }
    for (let cluster = first; cluster < end; cluster++) {
      const count = (this.counts[cluster] as number) + 1;
      if (count > 0xffff)
        throw new LimitExceededError({ limit: 'references to one cluster', value: count, max: 0xffff });
      this.counts[cluster] = count;
    }
  }

  async #addL1(offset: number, bytes: number): Promise<void> {
    if (bytes > MAX_L1_BYTES) {
      throw new LimitExceededError({ limit: 'qcow2 L1 table bytes', value: bytes, max: MAX_L1_BYTES });
    }
    this.#add(offset, bytes);
    const seen = new Set<number>();
    await this.#eachEntry(offset, bytes, ENTRY_BYTES, async (view, at) => {
      const table = hostOffset(view.getUint32(at), view.getUint32(at + 4));
      if (table === 0) return;
      if (seen.has(table))
        throw new CorruptImageError({ structure: 'qcow2 L1 table', reason: 'two entries share a table' });
      seen.add(table);
      await this.#addL2(table);
    });
  }

  async #addL2(table: number): Promise<void> {
    this.#add(table, this.#g.clusterSize);
    const data = await this.#file.read(table, this.#g.clusterSize);
    const view = viewOf(data);
    for (let at = 0; at + this.#g.entryBytes <= data.length; at += this.#g.entryBytes) this.#addEntry(view, at);
  }

  #addEntry(view: DataView, at: number): void {
    const high = view.getUint32(at);
    const low = view.getUint32(at + 4);
    if ((high & HIGH_COMPRESSED) !== 0) {
      const place = packedPlace(this.#g, high, low);
      // The last sectors of a file may be cut: compressed data need not fill them.
      const end = Math.min(place.offset + place.length, this.counts.length * this.#g.clusterSize);
      this.#add(place.offset, Math.max(1, end - place.offset));
      return;
    }
    const host = hostOffset(high, low);
    if (host !== 0 && !this.#g.dataFile) this.#add(host, this.#g.clusterSize);
  }

  async #addBitmaps(): Promise<void> {
    const place = bitmapsPlace(this.#parts.header, this.#file.size);
    if (place === undefined) return;
    this.#add(place.offset, place.bytes);
    const directory = await this.#file.read(place.offset, place.bytes);
    let at = 0;
    for (let i = 0; i < place.count; i++) {
      const entry = BitmapDirectoryEntry.decode(directory, at, place.offset);
      const bytes = entry.tableSize * ENTRY_BYTES;
      const offset = Number(entry.tableOffset);
      this.#add(offset, bytes);
      await this.#eachEntry(offset, bytes, ENTRY_BYTES, async (view, p) => {
        const cluster = hostOffset(view.getUint32(p), view.getUint32(p + 4));
        if (cluster !== 0) this.#add(cluster, this.#g.clusterSize);
      });
      at += alignUp(BitmapDirectoryEntry.size + entry.extraDataSize + entry.nameSize, 8);
    }
  }

  async #eachEntry(
    offset: number,
    bytes: number,
    size: number,
    visit: (view: DataView, at: number) => Promise<void>,
  ): Promise<void> {
    for (let done = 0; done < bytes; done += WINDOW) {
      const length = Math.min(WINDOW, bytes - done);
      const data = await this.#file.read(offset + done, length);
      if (data.length < length) {
        throw new CorruptImageError({ structure: 'qcow2 table', offset: offset + done, reason: 'the file ends in it' });
      }
      const view = viewOf(data);
      for (let at = 0; at < length; at += size) await visit(view, at);
    }
  }
}

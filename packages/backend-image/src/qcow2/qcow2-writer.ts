import {
  AbortedError,
  alignUp,
  CapabilityError,
  CorruptImageError,
  type ImageInfo,
  type IoOptions,
  LimitExceededError,
} from '@vmcraft/core';
import type { DiskImage, Run } from '../run.js';
import type { WritableImage } from '../writable-image.js';
import { ClusterEraser } from './cluster-eraser.js';
import { ClusterWriter, type WriterParts } from './cluster-writer.js';
import { l1Coverage } from './header.js';
import { writeDiskGeometry } from './header-writer.js';
import { L2Tables } from './l2-tables.js';
import { ENTRY_BYTES, INCOMPATIBLE, MAX_L1_BYTES, SECTOR } from './layout.js';
import { type GuardedPlace, MetadataGuard } from './metadata-guard.js';
import { prepareForWriting } from './prepare-write.js';
import { closeParts, type Qcow2Parts } from './qcow2-image.js';
import { RANK } from './ranks.js';
import { Refcounts } from './refcounts.js';

/** A qcow2 image opened for writing. Nothing in the file changes before the first write. */
export class Qcow2Writer implements WritableImage {
  readonly info: ImageInfo;
  readonly sectorSize = 512;
  readonly backing?: DiskImage;
  readonly #parts: Qcow2Parts;
  readonly #refcounts: Refcounts;
  readonly #writer: ClusterWriter;
  readonly #eraser: ClusterEraser;
  #size: number;
  #prepared: boolean;

  /**
   * @param prepared the file was just made and needs no preparation
   * @throws CorruptImageError when the image is marked corrupt
   */
  constructor(parts: Qcow2Parts, prepared = false) {
    const { header, cache, map } = parts;
    if ((header.incompatible & INCOMPATIBLE.corrupt) !== 0n) {
      const reason = 'the image is marked corrupt and must be repaired (qemu-img check -r all) before it is written';
      throw new CorruptImageError({ structure: 'qcow2.header', field: 'incompatible_features', reason });
    }
    this.#parts = parts;
    this.#prepared = prepared;
    this.info = parts.info;
    this.#size = header.size;
    if (parts.backing !== undefined) this.backing = parts.backing;
    const place = { offset: header.refcountTableOffset, clusters: header.refcountTableClusters };
    this.#refcounts = new Refcounts(cache, header.clusterSize, header.refcountOrder, place);
    const guard = new MetadataGuard(() => (map.geometry.dataFile ? [] : this.#guarded()));
    const tables = new L2Tables(map.geometry, cache, map.l1, this.#refcounts, guard);
    const { data } = parts;
    const shared: WriterParts = {
      geometry: map.geometry,
      cache,
      tables,
      refcounts: this.#refcounts,
      guard,
      data,
      encrypted: parts.cipher !== undefined,
      image: this,
    };
    this.#writer = new ClusterWriter(shared);
    this.#eraser = new ClusterEraser(shared, (offset, bytes) => this.#write(offset, bytes));
  }

  get size(): number {
    return this.#size;
  }

  runAt(offset: number, limit: number): Run | Promise<Run> {
    return this.#parts.map.runAt(offset, limit);
  }

  async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    await this.#prepare();
    await this.#write(offset, data, options);
  }

  async discard(offset: number, length: number, options?: IoOptions): Promise<void> {
    await this.#prepare();
    await this.#erase(offset, offset + length, options);
  }

  async resize(wanted: number): Promise<void> {
    const size = alignUp(wanted, SECTOR);
    if (size === this.#size) return;
    this.#checkResize(size);
    await this.#prepare();
    if (size < this.#size) await this.#erase(size, this.#size);
    const before = this.#size;
    await this.#growL1(size);
    await this.flush();
    await writeDiskGeometry(this.#parts.file, size, this.#parts.map.l1);
    this.#size = size;
    // What an image behind has past the old end must not show through, nor what the rest of the last cluster held.
    const edge = Math.min(size, alignUp(before, this.#parts.header.clusterSize));
    if (size > before) await this.#erase(before, this.backing === undefined ? edge : size);
    await this.#resizeDataFile(size);
  }

  async flush(): Promise<void> {
    if (!this.#prepared) return;
    await this.#settle(true);
    const { file, data, plainData, header } = this.#parts;
    if (plainData === file && file.size % header.clusterSize !== 0) {
      await file.truncate(alignUp(file.size, header.clusterSize));
    }
    if (plainData !== file) await data.flush();
    await file.flush();
  }

  close(): Promise<void> {
    return closeParts(this.#parts);
  }

  /** Give every cluster of the disk its place, without writing it: preallocation of metadata. */
  async preallocate(): Promise<void> {
    await this.#prepare();
    const step = this.#parts.header.clusterSize;
    for (let at = 0; at < this.#size; at += step) await this.#write(at, new Uint8Array(1));
    await this.flush();
  }

  async #prepare(): Promise<void> {
    if (this.#prepared) return;
    this.#prepared = true;
    await prepareForWriting(this.#parts, this.#refcounts);
  }

  async #write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    for (let at = 0; at < data.length; ) {
      if (options?.signal?.aborted === true) throw new AbortedError('write', options.signal.reason);
      at += await this.#writer.step(offset + at, data.subarray(at), options);
      if (this.#parts.cache.crowded || this.#refcounts.crowded) await this.#settle(false);
    }
  }

  async #erase(from: number, end: number, options?: IoOptions): Promise<void> {
    for (let at = from; at < end; ) {
      if (options?.signal?.aborted === true) throw new AbortedError('discard', options.signal.reason);
      at = await this.#eraser.step(at, end);
      if (this.#parts.cache.crowded || this.#refcounts.crowded) await this.#settle(false);
    }
  }

  /** Bring the file's metadata up to date: counts up, tables, then counts down. */
  async #settle(durable: boolean): Promise<void> {
    const { cache, file, data, plainData, map } = this.#parts;
    await cache.writeBack(RANK.refcountTable);
    if (durable) {
      if (plainData !== file) await data.flush();
      await file.flush();
    }
    await cache.writeBack();
    await this.#refcounts.applyReleases();
    await cache.writeBack();
    map.forgetUnpacked();
  }

  #guarded(): GuardedPlace[] {
    const { header, map, snapshotTableBytes } = this.#parts;
    const { table } = this.#refcounts;
    return [
      { name: 'header', offset: 0, length: header.clusterSize },
      { name: 'L1 table', offset: map.l1.offset, length: map.l1.entries * ENTRY_BYTES },
      { name: 'refcount table', offset: table.offset, length: table.clusters * header.clusterSize },
      { name: 'snapshot table', offset: header.snapshotsOffset, length: snapshotTableBytes },
      ...(header.encryption?.method === 'luks' ? [{ name: 'LUKS header', ...header.encryption }] : []),
    ];
  }

  #checkResize(size: number): void {
    const { header } = this.#parts;
    const subject = 'qcow2 image';
    if (header.snapshotCount > 0) {
      throw new CapabilityError({ capability: 'resize', subject, reason: 'it has internal snapshots' });
    }
    if (header.autoclear & 1n) throw new CapabilityError({ capability: 'resize', subject, reason: 'it has bitmaps' });
    const bytes = Math.ceil(size / l1Coverage(header)) * ENTRY_BYTES;
    if (bytes > MAX_L1_BYTES) {
      throw new LimitExceededError({ limit: 'qcow2 L1 table bytes', value: bytes, max: MAX_L1_BYTES });
    }
  }

  /** Move the L1 table to a larger place when the disk outgrows it; the header is switched by the caller. */
  async #growL1(size: number): Promise<void> {
    const { header, cache, map } = this.#parts;
    const entries = Math.ceil(size / l1Coverage(header));
    if (entries <= map.l1.entries) return;
    const clusters = Math.ceil((entries * ENTRY_BYTES) / header.clusterSize);
    const old = { ...map.l1 };
    const oldBytes = old.entries * ENTRY_BYTES;
    const offset = await this.#refcounts.allocateContiguous(clusters);
    for (let at = 0; at < clusters * header.clusterSize; at += cache.pageSize) {
      const source = at < oldBytes ? await cache.page(old.offset + at) : undefined;
      const page = cache.fresh(offset + at, RANK.l1);
      // What lies after the last entry is not ours.
      if (source !== undefined) page.data.set(source.data.subarray(0, Math.min(cache.pageSize, oldBytes - at)));
      if (cache.crowded) await cache.writeBack();
    }
    map.l1.offset = offset;
    map.l1.entries = entries;
    await cache.writeBack();
    await writeDiskGeometry(this.#parts.file, this.#size, map.l1);
    if (oldBytes > 0) this.#refcounts.release(old.offset, oldBytes);
  }

  async #resizeDataFile(size: number): Promise<void> {
    const { plainData, file } = this.#parts;
    if (plainData !== file) await plainData.truncate(size);
  }
}

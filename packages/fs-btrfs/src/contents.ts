import { alignDown, alignUp, toSafeInteger } from '@vmcraft/core/binary';
import type { IoOptions } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import type { Checksum } from './checksum.js';
import type { Decompressor } from './compression.js';
import { badData, type DataSums } from './data-sums.js';
import type { LogicalSpace } from './devices.js';
import type { Inode } from './inode.js';
import {
  Compression,
  ExtentType,
  FileExtentHead,
  FileExtentItem,
  INODE_NODATASUM,
  MAX_COMPRESSED,
  Type,
} from './layout.js';
import type { Subvolume } from './subvolume.js';
import type { Item } from './tree.js';

/** Longest read of one piece, bytes. */
const MAX_RUN = 1 << 20;
/** Unpacked extents that are held: a sequential read comes back to each many times. */
const HELD_EXTENTS = 16;

/** Reads the contents of files. */
export class Contents {
  readonly #unpacked = new Map<string, Uint8Array>();

  constructor(
    private readonly space: LogicalSpace,
    private readonly sums: DataSums,
    private readonly checksum: Checksum,
    private readonly decompressor: Decompressor,
  ) {}

  /** Exactly `length` bytes, which are all within the file. Holes are zeros. */
  async read(
    subvolume: Subvolume,
    objectid: number,
    inode: Inode,
    offset: number,
    length: number,
    options?: IoOptions,
  ): Promise<Uint8Array> {
    const end = offset + length;
    const last = await subvolume.items.last({ objectid, type: Type.extentData, offset });
    const first = last?.objectid === objectid && last.type === Type.extentData ? last : undefined;
    const direct = first === undefined ? undefined : await this.#direct(subvolume, first, inode, offset, end, options);
    if (direct !== undefined) return direct;
    const out = new Uint8Array(length);
    const start = first?.offset ?? offset;
    const range = subvolume.items.range(
      { objectid, type: Type.extentData, offset: start },
      { objectid, type: Type.extentData, offset: end - 1 },
    );
    for await (const item of range) await this.#extent(subvolume, item, inode, out, offset, options);
    return out;
  }

  /** Put what an extent has of [offset, offset + out.length) into `out`. */
  async #extent(
    subvolume: Subvolume,
    item: Item,
    inode: Inode,
    out: Uint8Array,
    offset: number,
    options?: IoOptions,
  ): Promise<void> {
    const head = FileExtentHead.decode(item.data);
    if (head.encryption !== 0 || head.otherEncoding !== 0) {
      throw new UnsupportedFeatureError({ structure: 'btrfs_file_extent_item', feature: 'encrypted contents' });
    }
    if (head.type === ExtentType.inline) {
      const data = item.data.subarray(FileExtentHead.size);
      const size = Math.min(toSafeInteger(head.ramBytes, 'ram_bytes'), MAX_COMPRESSED);
      const plain =
        head.compression === Compression.none ? data : await this.decompressor.unpack(head.compression, data, size);
      place(out, offset, item.offset, plain);
      return;
    }
    if (head.type === ExtentType.prealloc) return;
    if (head.type !== ExtentType.regular) {
      throw new CorruptImageError({
        structure: 'btrfs_file_extent_item',
        field: 'type',
        found: head.type,
        expected: '0, 1 or 2',
      });
    }
    const extent = this.#located(subvolume, item, inode, offset, offset + out.length);
    if (extent === undefined) return;
    if (extent.to <= extent.from) return;
    if (head.compression !== Compression.none) {
      const size = toSafeInteger(head.ramBytes, 'btrfs_file_extent_item ram_bytes');
      await this.#compressed(extent, head.compression, size, out, offset);
      return;
    }
    checkInside(extent);
    await this.#plain(extent, out, offset, options);
  }

  /** Where a regular extent lies and what of [from, to) of the file it has; undefined for a hole. */
  #located(subvolume: Subvolume, item: Item, inode: Inode, from: number, to: number): DataExtent | undefined {
    const body = FileExtentItem.decode(item.data);
    const number = (value: bigint, field: string): number => toSafeInteger(value, `btrfs_file_extent_item ${field}`);
    const logical = number(body.diskBytenr, 'disk_bytenr');
    if (logical === 0) return undefined;
    return {
      logical,
      stored: number(body.diskNumBytes, 'disk_num_bytes'),
      within: number(body.offset, 'offset'),
      from: Math.max(item.offset, from),
      to: Math.min(item.offset + number(body.numBytes, 'num_bytes'), to),
      fileOffset: item.offset,
      isVerified: (inode.flags & INODE_NODATASUM) === 0,
      logged: subvolume.loggedSums,
    };
  }

  /** What lies together on the disk as a whole, without a copy of it; undefined for anything else. */
  async #direct(
    subvolume: Subvolume,
    item: Item,
    inode: Inode,
    from: number,
    to: number,
    options?: IoOptions,
  ): Promise<Uint8Array | undefined> {
    const { compression, encryption, otherEncoding, type } = FileExtentHead.decode(item.data);
    const isPlain = compression === Compression.none && encryption === 0 && otherEncoding === 0;
    if (type !== ExtentType.regular || !isPlain) return undefined;
    const extent = this.#located(subvolume, item, inode, from, to);
    if (extent?.from !== from || extent.to !== to) return undefined;
    checkInside(extent);
    const { sectorsize } = this.sums;
    const base = extent.logical + extent.within - extent.fileOffset;
    const start = alignDown(base + from, sectorsize);
    const wanted = alignUp(base + to, sectorsize) - start;
    if (wanted > MAX_RUN || this.space.chunks.piece(start, wanted).length < wanted) return undefined;
    const data = await this.#verified(start, wanted, extent, options);
    return data.subarray(base + from - start, base + to - start);
  }

  async #plain(extent: DataExtent, out: Uint8Array, offset: number, options?: IoOptions): Promise<void> {
    const { sectorsize } = this.sums;
    const base = extent.logical + extent.within - extent.fileOffset;
    for (let at = extent.from; at < extent.to; ) {
      // Whole sectors, as they have checksums.
      const start = alignDown(base + at, sectorsize);
      const wanted = Math.min(alignUp(base + extent.to, sectorsize) - start, MAX_RUN);
      const data = await this.#verified(start, wanted, extent, options);
      const part = data.subarray(base + at - start, base + extent.to - start);
      out.set(part, at - offset);
      at += part.length;
    }
  }

  async #compressed(extent: DataExtent, kind: number, size: number, out: Uint8Array, offset: number): Promise<void> {
    if (size > MAX_COMPRESSED || extent.stored > MAX_COMPRESSED) {
      throw new CorruptImageError({
        structure: 'btrfs_file_extent_item',
        field: 'ram_bytes',
        found: Math.max(size, extent.stored),
        expected: `at most ${MAX_COMPRESSED}`,
      });
    }
    const id = `${extent.logical}:${extent.stored}`;
    let plain = this.#unpacked.get(id);
    if (plain === undefined) {
      const packed = new Uint8Array(extent.stored);
      for (let at = 0; at < packed.length; ) {
        const data = await this.#verified(extent.logical + at, packed.length - at, extent);
        packed.set(data, at);
        at += data.length;
      }
      plain = await this.decompressor.unpack(kind, packed, size);
      if (this.#unpacked.size >= HELD_EXTENTS) this.#unpacked.delete(this.#unpacked.keys().next().value as string);
      this.#unpacked.set(id, plain);
    }
    const from = extent.within + extent.from - extent.fileOffset;
    out.set(plain.subarray(from, from + extent.to - extent.from), extent.from - offset);
  }

  /** Up to `length` bytes from `logical` on, at least one sector, from copies whose checksums are right. */
  async #verified(logical: number, length: number, extent: DataExtent, options?: IoOptions): Promise<Uint8Array> {
    const { sectorsize } = this.sums;
    const piece = this.space.chunks.piece(logical, length);
    const data = await this.space.readPiece(piece, undefined, options);
    if (data === undefined) throw badData(logical, this.checksum.name);
    if (!extent.isVerified) return data;
    let bad = await this.sums.firstBad(logical, data, extent.logged);
    if (bad < 0) return data;
    // One sector after the other from whichever copy has it right, as the kernel repairs.
    const repaired = data.slice();
    for (let at = 0; at < data.length; at += sectorsize) {
      if (at / sectorsize < bad) continue;
      repaired.set(await this.#sector(logical + at, extent), at);
      bad = at / sectorsize + 1;
    }
    return repaired;
  }

  async #sector(logical: number, extent: DataExtent): Promise<Uint8Array> {
    const { sectorsize } = this.sums;
    const piece = this.space.chunks.piece(logical, sectorsize);
    for (const copy of piece.copies) {
      const data = await this.space.readPiece({ copies: [copy], length: sectorsize }, undefined).catch(() => undefined);
      if (data !== undefined && (await this.sums.firstBad(logical, data, extent.logged)) < 0) return data;
    }
    if (piece.parity !== undefined) {
      const candidates: Uint8Array[] = [];
      await this.space.readPiece({ ...piece, copies: [] }, (data) => {
        candidates.push(data.slice());
        return false;
      });
      for (const data of candidates) if ((await this.sums.firstBad(logical, data, extent.logged)) < 0) return data;
    }
    throw badData(logical, this.checksum.name);
  }
}

/** @throws CorruptImageError when the file shows more than is stored */
function checkInside(extent: DataExtent): void {
  if (extent.within + (extent.to - extent.fileOffset) > extent.stored) {
    throw new CorruptImageError({
      structure: 'btrfs_file_extent_item',
      field: 'num_bytes',
      found: extent.to,
      expected: 'inside the extent',
    });
  }
}

interface DataExtent {
  readonly logical: number;
  readonly stored: number;
  readonly within: number;
  /** What of it the file shows here. */
  readonly from: number;
  readonly to: number;
  readonly fileOffset: number;
  readonly isVerified: boolean;
  readonly logged: Subvolume['loggedSums'];
}

/** Copy what of `data`, which is at `at` of the file, lies within `out`, which is at `offset`. */
function place(out: Uint8Array, offset: number, at: number, data: Uint8Array): void {
  const from = Math.max(at, offset);
  const to = Math.min(at + data.length, offset + out.length);
  if (to > from) out.set(data.subarray(from - at, to - at), from - offset);
}

import { FsError } from '@vmcraft/core/errors';
import { type Attribute, isCompressed, isEncrypted, isSparse, type NonResident, sizeOf } from './attribute.js';
import { piecesOf } from './attribute-reader.js';
import type { BitRun } from './bitmap.js';
import type { Inode } from './inode.js';
import { AttributeFlag, AttributeType, FIRST_USER_RECORD, FileAttribute } from './layout.js';
import { HOLE, RunList } from './run-list.js';
import type { Writer } from './writer.js';

/** Bytes of one write of zeros. */
const CHUNK = 1024 * 1024;
/** A value that came to be this small goes back into its record where there is room. */
const MAX_BACK = 512;
/** Bytes that Windows allows in a file; NTFS itself could have more. */
const MAX_FILE = 2 ** 44 - 2 ** 16;

/** Changes values of attributes: their size, their place, their contents. */
export class AttributeEditor {
  constructor(private readonly writer: Writer) {}

  get #clusterSize(): number {
    return this.writer.volume.geometry.clusterSize;
  }

  /** Where further clusters of a value should lie. */
  #hint(body: NonResident): number | undefined {
    const last = body.runs.runs.findLast((run) => run.lcn !== HOLE);
    return last === undefined ? undefined : last.lcn + last.length;
  }

  /** Store a resident value in clusters. @throws FsError ENOSPC */
  async makeNonResident(attribute: Attribute): Promise<void> {
    const value = attribute.value!;
    await this.#store(attribute, value);
    attribute.value = undefined;
    attribute.indexed = 0;
  }

  /** Replace a value that is stored in clusters, or is to be. @throws FsError ENOSPC */
  async replaceStored(attribute: Attribute, value: Uint8Array): Promise<void> {
    const body = attribute.nonResident;
    const needed = Math.ceil(value.length / this.#clusterSize);
    if (body === undefined || body.runs.end < needed) {
      await this.freeValue(attribute);
      await this.#store(attribute, value);
      attribute.value = undefined;
      return;
    }
    await this.#put(attribute, value);
    body.dataSize = value.length;
    body.initializedSize = value.length;
  }

  async #store(attribute: Attribute, value: Uint8Array): Promise<void> {
    const clusters = Math.ceil(value.length / this.#clusterSize);
    const taken = await this.writer.clusters.allocate(clusters, undefined, 'write');
    const runs = new RunList();
    for (const run of taken) runs.append(run.start, run.length);
    attribute.nonResident = {
      runs,
      allocatedSize: clusters * this.#clusterSize,
      dataSize: value.length,
      initializedSize: value.length,
      compressionUnit: 0,
    };
    await this.#put(attribute, value);
  }

  /** Write a value into clusters that hold all of it; the rest of the last cluster becomes zeros. */
  async #put(attribute: Attribute, value: Uint8Array): Promise<void> {
    const whole = Math.ceil(value.length / this.#clusterSize) * this.#clusterSize;
    if (whole === value.length) return this.writer.writeStored(attribute, 0, value);
    const padded = new Uint8Array(whole);
    padded.set(value);
    await this.writer.writeStored(attribute, 0, padded);
  }

  /** Give the clusters of a value back. */
  async freeValue(attribute: Attribute): Promise<void> {
    const body = attribute.nonResident;
    if (body !== undefined) await this.writer.clusters.release(body.runs.truncate(0));
  }

  /**
   * Set the size of a value. What is added reads as zeros.
   * @throws FsError ENOSPC, EFBIG, with nothing changed
   */
  async resize(inode: Inode, attribute: Attribute, size: number, operation: string): Promise<void> {
    if (size > MAX_FILE) throw new FsError('EFBIG', { operation });
    const { value } = attribute;
    if (value !== undefined) {
      if (size <= value.length || this.#staysResident(inode, size - value.length, size)) {
        const next = new Uint8Array(size);
        next.set(value.subarray(0, size));
        attribute.value = next;
        return;
      }
      await this.makeNonResident(attribute);
    }
    const body = attribute.nonResident!;
    if (size < body.dataSize) await this.#shrink(inode, attribute, body, size);
    else await this.#extend(inode, attribute, body, size, operation);
    body.allocatedSize = body.runs.end * this.#clusterSize;
  }

  #staysResident(inode: Inode, more: number, size: number): boolean {
    return size <= this.writer.capacity && this.writer.fits(inode, more + 8);
  }

  async #shrink(inode: Inode, attribute: Attribute, body: NonResident, size: number): Promise<void> {
    const clusters = Math.ceil(size / this.#clusterSize);
    const back = size <= MAX_BACK && attribute.type !== AttributeType.bitmap && this.writer.fits(inode, size);
    if (back && !isCompressed(attribute) && !isEncrypted(attribute)) {
      const value = await this.#head(attribute, body, size);
      await this.freeValue(attribute);
      attribute.nonResident = undefined;
      attribute.value = value;
      this.#setSparse(inode, attribute, false);
      return;
    }
    await this.writer.clusters.release(body.runs.truncate(clusters));
    body.dataSize = size;
    body.initializedSize = Math.min(body.initializedSize, size);
  }

  async #head(attribute: Attribute, body: NonResident, size: number): Promise<Uint8Array> {
    const out = new Uint8Array(size);
    let at = 0;
    const stored = Math.min(size, body.initializedSize);
    for (const piece of piecesOf(this.writer.volume, attribute.nonResident!, 0, stored)) {
      if (piece.position >= 0) out.set(await this.writer.volume.device.read(piece.position, piece.length), at);
      at += piece.length;
    }
    return out;
  }

  async #extend(inode: Inode, attribute: Attribute, body: NonResident, size: number, operation: string): Promise<void> {
    const clusters = Math.ceil(size / this.#clusterSize);
    const missing = clusters - body.runs.end;
    if (missing > 0) {
      if (attribute.type === AttributeType.data && inode.number >= FIRST_USER_RECORD) {
        body.runs.append(HOLE, missing);
        this.#setSparse(inode, attribute, true);
      } else {
        const taken = await this.writer.clusters.allocate(missing, this.#hint(body), operation);
        for (const run of taken) body.runs.append(run.start, run.length);
      }
    }
    body.dataSize = size;
  }

  #setSparse(inode: Inode, attribute: Attribute, sparse: boolean): void {
    if (sparse === isSparse(attribute)) return;
    attribute.flags = sparse ? attribute.flags | AttributeFlag.sparse : attribute.flags & ~AttributeFlag.sparse;
    if (attribute.type !== AttributeType.data || attribute.name !== '') return;
    const { fileAttributes } = inode;
    inode.fileAttributes = sparse ? fileAttributes | FileAttribute.sparse : fileAttributes & ~FileAttribute.sparse;
  }

  /** Write zeros up to `size`, where nothing has been written yet. */
  async zeroTo(attribute: Attribute, size: number): Promise<void> {
    const body = attribute.nonResident;
    if (body === undefined || body.initializedSize >= size) return;
    await this.#zero(attribute, body.initializedSize, size);
    body.initializedSize = size;
  }

  /** Zeros in the stored clusters of a part. */
  async #zero(attribute: Attribute, from: number, to: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(CHUNK, Math.max(0, to - from)));
    for (let at = from; at < to; at += CHUNK) {
      const length = Math.min(CHUNK, to - at);
      for (const piece of piecesOf(this.writer.volume, attribute.nonResident!, at, length)) {
        if (piece.position >= 0) await this.writer.volume.device.write(piece.position, zeros.subarray(0, piece.length));
      }
    }
  }

  /**
   * Write into a plain or sparse value, extending it where needed.
   * @throws FsError ENOSPC, EFBIG; what was there before stays
   */
  async write(inode: Inode, attribute: Attribute, offset: number, data: Uint8Array): Promise<void> {
    const end = offset + data.length;
    if (end > MAX_FILE) throw new FsError('EFBIG', { operation: 'write' });
    if (data.length === 0) return;
    if (attribute.value !== undefined) {
      if (end > attribute.value.length && !this.#staysResident(inode, end - attribute.value.length, end)) {
        await this.makeNonResident(attribute);
      } else {
        const next = end > attribute.value.length ? new Uint8Array(end) : attribute.value;
        if (next !== attribute.value) next.set(attribute.value);
        next.set(data, offset);
        attribute.value = next;
        return;
      }
    }
    const body = attribute.nonResident!;
    await this.#provide(inode, attribute, body, offset, end);
    if (offset > body.initializedSize) await this.#zero(attribute, body.initializedSize, offset);
    await this.writer.writeStored(attribute, offset, data);
    body.initializedSize = Math.max(body.initializedSize, end);
    body.dataSize = Math.max(body.dataSize, end);
    body.allocatedSize = body.runs.end * this.#clusterSize;
  }

  /**
   * Reserve clusters for a part of a plain or sparse value, which grows where needed; what was not there reads as zeros.
   * @throws FsError ENOSPC, EFBIG
   */
  async allocate(inode: Inode, attribute: Attribute, offset: number, length: number): Promise<void> {
    const end = offset + length;
    if (end > MAX_FILE) throw new FsError('EFBIG', { operation: 'fallocate' });
    if (attribute.value !== undefined) {
      if (end <= attribute.value.length) return;
      if (this.#staysResident(inode, end - attribute.value.length, end))
        return this.resize(inode, attribute, end, 'fallocate');
      await this.makeNonResident(attribute);
    }
    const body = attribute.nonResident!;
    await this.#provide(inode, attribute, body, offset, end, { from: 0, to: 0 });
    body.dataSize = Math.max(body.dataSize, end);
    body.allocatedSize = body.runs.end * this.#clusterSize;
  }

  /** Make a part of a plain or sparse value read as zeros, and give its whole clusters back. */
  async punch(inode: Inode, attribute: Attribute, offset: number, length: number): Promise<void> {
    const end = Math.min(offset + length, sizeOf(attribute));
    if (offset >= end) return;
    const body = attribute.nonResident;
    if (body === undefined) return void attribute.value!.fill(0, offset, end);
    const size = this.#clusterSize;
    const unit = 2 ** body.compressionUnit;
    const first = Math.ceil(offset / (size * unit)) * unit;
    // The rest of the last cluster is nobody's.
    const last = end === body.dataSize ? Math.ceil(end / size) : Math.floor(end / (size * unit)) * unit;
    const written = Math.min(end, body.initializedSize);
    await this.#zero(attribute, offset, Math.min(written, Math.max(offset, Math.min(first * size, end))));
    if (last <= first) return this.#zero(attribute, offset, written);
    await this.#zero(attribute, Math.min(written, last * size), written);
    await this.writer.clusters.release(body.runs.replace(first, last - first, [{ lcn: HOLE, length: last - first }]));
    this.#setSparse(inode, attribute, true);
  }

  /**
   * Have clusters for [offset, end): holes in it are filled, and the value grows. All or nothing.
   * @param written the bytes that are going to be written at once; other new ones within the value become zeros
   */
  async #provide(
    inode: Inode,
    attribute: Attribute,
    body: NonResident,
    offset: number,
    end: number,
    written = { from: offset, to: end },
  ): Promise<void> {
    const last = Math.ceil(end / this.#clusterSize);
    const first = Math.floor(offset / this.#clusterSize);
    const { runs } = body;
    const fills: Fill[] = [];
    let more: readonly BitRun[] = [];
    try {
      for (const hole of holesIn(body, first, Math.min(last, runs.end))) {
        const before = hole.vcn > 0 ? runs.at(hole.vcn - 1)!.lcn : HOLE;
        const hint = before === HOLE ? undefined : before + 1;
        fills.push({ ...hole, taken: await this.writer.clusters.allocate(hole.length, hint, 'write') });
      }
      const start = Math.max(runs.end, first);
      if (last > start) more = await this.writer.clusters.allocate(last - start, this.#hint(body), 'write');
    } catch (error) {
      for (const fill of fills) await this.writer.clusters.undo(fill.taken);
      throw error;
    }
    for (const fill of fills) await this.#fill(attribute, runs, fill, written.from, written.to);
    if (more.length === 0) return;
    if (first > runs.end) {
      runs.append(HOLE, first - runs.end);
      this.#setSparse(inode, attribute, true);
    }
    for (const run of more) runs.append(run.start, run.length);
  }

  /** Put clusters into a hole. Edges of it that are not going to be written become zeros. */
  async #fill(attribute: Attribute, runs: RunList, fill: Fill, offset: number, end: number): Promise<void> {
    const size = this.#clusterSize;
    const pieces = fill.taken.map((run) => ({ lcn: run.start, length: run.length }));
    runs.replace(fill.vcn, fill.length, pieces);
    const from = fill.vcn * size;
    const to = (fill.vcn + fill.length) * size;
    if (from < offset) await this.#zero(attribute, from, Math.min(offset, to));
    if (to > end) await this.#zero(attribute, Math.max(end, from), to);
  }
}

/** A hole, and the clusters that are to fill it. */
interface Fill {
  readonly vcn: number;
  readonly length: number;
  readonly taken: readonly BitRun[];
}

/** The holes within [first, last), widened to whole units where the attribute names one, as Windows has them. */
function holesIn(body: NonResident, first: number, last: number): { vcn: number; length: number }[] {
  const unit = 2 ** body.compressionUnit;
  const from = first - (first % unit);
  const to = Math.min(body.runs.end, Math.ceil(last / unit) * unit);
  const out: { vcn: number; length: number }[] = [];
  for (let vcn = from; vcn < to; ) {
    const found = body.runs.at(vcn)!;
    const length = Math.min(found.length, to - vcn);
    if (found.lcn === HOLE) out.push({ vcn, length });
    vcn += length;
  }
  return out;
}

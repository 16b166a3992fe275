import { FsError } from '@vmcraft/core/errors';
import type { Bitmap } from './bitmap.js';
import { Inode } from './inode.js';
import { AttributeType, FIRST_RESERVED_RECORD, FIRST_USER_RECORD, SystemFile } from './layout.js';
import { blankRecord } from './record-codec.js';
import type { Writer } from './writer.js';

/** Records by which the table grows. */
const GROWTH = 64;
/** Clusters are taken for an eighth of the table at a time, and at most for this many records: it stays in few pieces. */
const MAX_RESERVE = 4096;
const MAX_RECORDS = 2 ** 32;
const MAX_SEQUENCE = 0xffff;

/** A record that was given out. */
export interface TakenRecord {
  readonly record: number;
  readonly sequence: number;
}

/** Gives out records of $MFT, and makes the table grow. */
export class RecordAllocator {
  #next = FIRST_USER_RECORD;
  /** Records from here on were made in this session, and never used. */
  #fresh: number;

  constructor(
    private readonly writer: Writer,
    readonly map: Bitmap,
  ) {
    this.#fresh = writer.volume.mft.count;
  }

  /**
   * Take a record.
   * @param owner the file whose attributes go into it, when it is an extension record
   * @throws FsError ENOSPC
   */
  async allocate(owner?: Inode): Promise<TakenRecord & { readonly updateSequence: number }> {
    const number = owner?.number === SystemFile.mft ? await this.#reserved() : await this.#free();
    await this.map.mark(number, 1, true);
    if (number >= this.#next) this.#next = number + 1;
    const old =
      number >= this.#fresh ? { sequence: 1, updateSequence: 0 } : await this.writer.volume.mft.oldSequence(number);
    return { record: number, sequence: old.sequence === 0 ? 1 : old.sequence, updateSequence: old.updateSequence };
  }

  /** A new inode in a record of its own. @throws FsError ENOSPC */
  async allocateInode(): Promise<Inode> {
    if (!(await this.writer.clusters.isFree(0))) throw new FsError('ENOSPC', { operation: 'create' });
    const { record, sequence, updateSequence } = await this.allocate();
    const inode = new Inode(record);
    inode.sequence = sequence;
    inode.updateSequence = updateSequence;
    this.writer.volume.mft.forget(record);
    this.writer.volume.mft.keep(inode);
    return inode;
  }

  /** The extensions of $MFT itself must lie where its first extent is. */
  async #reserved(): Promise<number> {
    const run = await this.map.nextClear(FIRST_RESERVED_RECORD, 1);
    if (run !== undefined && run.start < this.#fresh) return run.start;
    throw new FsError('ENOSPC', { operation: 'write', reason: 'no record is left for the growth of $MFT' });
  }

  async #free(): Promise<number> {
    for (const from of [this.#next, FIRST_USER_RECORD]) {
      const run = await this.map.nextClear(from, 1);
      if (run !== undefined) return run.start;
    }
    return this.#grow();
  }

  /** Free a record; whoever still refers to it is told apart by the sequence number. */
  async release(number: number, sequence: number): Promise<void> {
    const blank = blankRecord(this.writer.shape, number);
    const next = sequence >= MAX_SEQUENCE ? 1 : sequence + 1;
    blank[16] = next & 0xff;
    blank[17] = next >> 8;
    await this.writer.writeRecord(number, blank);
    await this.map.mark(number, 1, false);
    this.#next = Math.min(this.#next, Math.max(number, FIRST_USER_RECORD));
    this.#fresh = Math.max(this.#fresh, number + 1);
  }

  /** Add records to the table. @returns the first of them */
  async #grow(): Promise<number> {
    const { writer } = this;
    const { mft, geometry } = writer.volume;
    const first = mft.count;
    const count = Math.max(GROWTH, geometry.clusterSize / geometry.recordSize);
    if (first + count > MAX_RECORDS) throw new FsError('ENOSPC', { operation: 'create', reason: '$MFT is full' });
    await this.#growMap(first + count);
    const data = mft.inode.require(AttributeType.data);
    const body = data.nonResident!;
    const size = (first + count) * geometry.recordSize;
    const missing = Math.ceil(size / geometry.clusterSize) - body.runs.end;
    if (missing > 0) await this.#growData(missing, first);
    const blanks = new Uint8Array(count * geometry.recordSize);
    for (let i = 0; i < count; i++) blanks.set(blankRecord(writer.shape, first + i), i * geometry.recordSize);
    await writer.writeStored(data, first * geometry.recordSize, blanks);
    body.dataSize = size;
    body.initializedSize = size;
    this.map.bits = first + count;
    await writer.commit(mft.inode);
    return first;
  }

  async #growData(missing: number, records: number): Promise<void> {
    const { writer } = this;
    const { clusterSize, recordSize } = writer.volume.geometry;
    const runs = writer.volume.mft.inode.require(AttributeType.data).nonResident!.runs;
    const reserve = Math.ceil((Math.min(MAX_RESERVE, records >> 3) * recordSize) / clusterSize);
    const hint = writer.volume.mft.lastCluster + 1;
    const allocate = (clusters: number) => writer.clusters.allocate(clusters, hint, 'create');
    const taken = await allocate(Math.max(missing, reserve)).catch((error: unknown) => {
      if (error instanceof FsError && reserve > missing) return allocate(missing);
      throw error;
    });
    for (const run of taken) runs.append(run.start, run.length);
  }

  /** Room in the map for so many records. */
  async #growMap(records: number): Promise<void> {
    const { writer } = this;
    const { inode } = writer.volume.mft;
    const map = inode.require(AttributeType.bitmap);
    const bytes = Math.ceil(records / 64) * 8;
    const had = map.nonResident?.dataSize ?? map.value!.length;
    if (bytes <= had) return;
    await this.map.flush();
    await writer.attributes.resize(inode, map, bytes, 'create');
    await writer.attributes.zeroTo(map, bytes);
  }
}

import type { WarningSink } from '@vmcraft/core/contracts';
import { CorruptImageError, FsError, isVmcraftError } from '@vmcraft/core/errors';
import type { Attribute } from './attribute.js';
import { decodeAttributeList, MAX_LIST_SIZE } from './attribute-list.js';
import { type ClusterSource, piecesOf, readWhole } from './attribute-reader.js';
import type { Geometry } from './geometry.js';
import type { Inode } from './inode.js';
import { Inode as InodeClass } from './inode.js';
import { gather, inodeOfRecord, loadInode, type RecordSource } from './inode-loader.js';
import { AttributeType, SystemFile } from './layout.js';
import { type MftRecord, parseRecord, startAttribute } from './mft-record.js';
import type { RunLimits } from './run-list.js';

/** Inodes kept in memory. */
const MAX_INODES = 4096;
/** Records that $MFTMirr has at least. */
export const MIRRORED_RECORDS = 4;

/** The master file table: finds records, and keeps the inodes used last. */
export class Mft implements RecordSource {
  readonly device: ClusterSource['device'];
  readonly geometry: Geometry;
  readonly runLimits: RunLimits;
  /** $MFT itself; its $DATA says where the records lie. */
  inode!: Inode;
  #data!: Attribute;
  readonly #warn: WarningSink | undefined;
  readonly #inodes = new Map<number, Inode>();
  /** Inodes may leave memory at any time, as nobody changes them. */
  readonly #evicts: boolean;

  private constructor(
    source: ClusterSource & { geometry: Geometry },
    limits: RunLimits,
    evicts: boolean,
    warn?: WarningSink,
  ) {
    this.device = source.device;
    this.geometry = source.geometry;
    this.runLimits = limits;
    this.#evicts = evicts;
    this.#warn = warn;
  }

  /**
   * Open the table from its own first record, or from the mirror's when that one is damaged.
   * @throws CorruptImageError
   */
  static async open(
    source: ClusterSource & { geometry: Geometry },
    limits: RunLimits,
    evicts: boolean,
    warn?: WarningSink,
  ): Promise<Mft> {
    const mft = new Mft(source, limits, evicts, warn);
    const { mftLcn, mftMirrorLcn, clusterSize } = source.geometry;
    try {
      await mft.#bootstrap(mftLcn * clusterSize);
    } catch (error) {
      if (!isVmcraftError(error)) throw error;
      try {
        await mft.#bootstrap(mftMirrorLcn * clusterSize);
      } catch {
        throw error;
      }
      warn?.({ source: 'fs-ntfs', message: 'the first record of $MFT is damaged; $MFTMirr is used', cause: error });
    }
    return mft;
  }

  async #bootstrap(position: number): Promise<void> {
    const { recordSize } = this.geometry;
    const record = parseRecord(await this.device.read(position, recordSize), SystemFile.mft, position);
    const simple = inodeOfRecord(record, this.runLimits);
    this.inode = simple ?? (await this.#bootstrapFromList(record));
    this.#data = this.inode.require(AttributeType.data);
    if (this.#data.nonResident === undefined) {
      throw new CorruptImageError({ structure: '$MFT', field: '$DATA', reason: 'it is resident' });
    }
  }

  /** The extents of a fragmented $MFT lie in records that earlier extents hold: they are joined one after the other. */
  async #bootstrapFromList(record: MftRecord): Promise<Inode> {
    const parts = record.attributes();
    const first = parts.find((p) => p.type === AttributeType.data && p.name === '' && p.extent?.lowestVcn === 0);
    const list = parts.find((p) => p.type === AttributeType.attributeList);
    if (first === undefined || list === undefined) {
      throw new CorruptImageError({
        structure: '$MFT',
        field: '$DATA',
        reason: 'its first extent is not in the base record',
      });
    }
    this.#data = startAttribute(first, this.runLimits);
    const entries = decodeAttributeList(await readWhole(this, startAttribute(list, this.runLimits), MAX_LIST_SIZE));
    const inode = new InodeClass(SystemFile.mft);
    // While it is gathered, each extent that is joined makes more records readable.
    const data = entries.filter((e) => e.type === AttributeType.data && e.name === '');
    const partial = new InodeClass(SystemFile.mft);
    for (let count = 1; count <= data.length; count++) {
      partial.attributes.length = 0;
      partial.extensions = [];
      await gather(partial, parts, data.slice(0, count), this);
      this.#data = partial.attributes[0]!;
    }
    Object.assign(inode, {
      sequence: record.sequence,
      linkCount: record.linkCount,
      flags: record.flags,
      nextInstance: record.nextInstance,
      updateSequence: record.updateSequence,
      lsn: record.view.getBigUint64(8, true),
      attributeList: startAttribute(list, this.runLimits),
    });
    await gather(inode, parts, entries, this);
    return inode;
  }

  /** Records that the table has room for. */
  get count(): number {
    return Math.floor(this.#data.nonResident!.dataSize / this.geometry.recordSize);
  }

  /** The last cluster of the table. */
  get lastCluster(): number {
    const last = this.#data.nonResident!.runs.runs.at(-1);
    return last === undefined ? 0 : last.lcn + last.length - 1;
  }

  /** Where a record lies on the device, in order; more than one piece only where clusters are smaller than records. */
  pieces(number: number): { readonly position: number; readonly length: number }[] {
    const { recordSize } = this.geometry;
    return piecesOf(this, this.#data.nonResident!, number * recordSize, recordSize);
  }

  #check(number: number): void {
    if (number >= 0 && (number + 1) * this.geometry.recordSize <= this.#data.nonResident!.initializedSize) return;
    throw new CorruptImageError({
      structure: '$MFT',
      field: 'record number',
      expected: `below ${this.count}`,
      found: number,
    });
  }

  /** The record if its bytes are in memory. @throws CorruptImageError */
  #peekRecord(number: number): MftRecord | undefined {
    this.#check(number);
    const pieces = this.pieces(number);
    const first = pieces[0]!;
    const raw = pieces.length === 1 ? this.device.peek(first.position, first.length) : undefined;
    return raw === undefined ? undefined : parseRecord(raw, number, first.position);
  }

  /** Read a record from the device. @throws CorruptImageError */
  async readRecord(number: number): Promise<MftRecord> {
    this.#check(number);
    const pieces = this.pieces(number);
    const first = pieces[0]!;
    let raw = await this.device.read(first.position, first.length);
    if (pieces.length > 1) {
      const whole = new Uint8Array(this.geometry.recordSize);
      let at = 0;
      for (const piece of pieces) {
        whole.set(await this.device.read(piece.position, piece.length), at);
        at += piece.length;
      }
      raw = whole;
    }
    try {
      return parseRecord(raw, number, first.position);
    } catch (error) {
      if (number >= MIRRORED_RECORDS) throw error;
      return this.#mirrored(number, error);
    }
  }

  async #mirrored(number: number, error: unknown): Promise<MftRecord> {
    const { mftMirrorLcn, clusterSize, recordSize } = this.geometry;
    const position = mftMirrorLcn * clusterSize + number * recordSize;
    try {
      const record = parseRecord(await this.device.read(position, recordSize), number, position);
      this.#warn?.({ source: 'fs-ntfs', message: `record ${number} is damaged; $MFTMirr is used`, cause: error });
      return record;
    } catch {
      throw error;
    }
  }

  /** What is known of a record that is to be used anew: its sequence number; 0 when it was never used. */
  async oldSequence(number: number): Promise<{ sequence: number; updateSequence: number }> {
    try {
      const { sequence, updateSequence } = await this.readRecord(number);
      return { sequence, updateSequence };
    } catch (error) {
      if (!isVmcraftError(error)) throw error;
      return { sequence: 0, updateSequence: 0 };
    }
  }

  /** An inode if it can be had without waiting. @throws CorruptImageError, FsError ENOENT */
  peek(number: number): Inode | undefined {
    if (number === SystemFile.mft) return this.inode;
    const known = this.#inodes.get(number);
    if (known !== undefined) {
      this.#inodes.delete(number);
      this.#inodes.set(number, known);
      return known;
    }
    let record: MftRecord | undefined;
    try {
      record = this.#peekRecord(number);
    } catch (error) {
      // The slow way knows the mirror.
      if (number < MIRRORED_RECORDS) return undefined;
      throw error;
    }
    if (record === undefined) return undefined;
    requireBase(record);
    const inode = inodeOfRecord(record, this.runLimits);
    return inode === undefined ? undefined : this.keep(inode);
  }

  /** A file or directory by its number. @throws CorruptImageError; FsError ENOENT when the record is free */
  async load(number: number): Promise<Inode> {
    const ready = this.peek(number);
    if (ready !== undefined) return ready;
    const record = await this.readRecord(number);
    requireBase(record);
    const inode = await loadInode(record, this);
    // Somebody else may have been quicker.
    return this.#inodes.get(number) ?? this.keep(inode);
  }

  /** Hold an inode in memory. */
  keep(inode: Inode): Inode {
    this.#inodes.set(inode.number, inode);
    if (this.#evicts && this.#inodes.size > MAX_INODES) {
      const [oldest] = this.#inodes.keys();
      if (oldest !== undefined) this.#inodes.delete(oldest);
    }
    return inode;
  }

  /** Forget an inode. */
  forget(number: number): void {
    this.#inodes.delete(number);
  }

  /** Whether too many inodes are in memory. */
  get isFull(): boolean {
    return this.#inodes.size > MAX_INODES;
  }

  /** Let go of inodes used longest ago; all changes have been written. */
  trim(): void {
    let spare = this.#inodes.size - MAX_INODES / 2;
    for (const [number, inode] of this.#inodes) {
      if (spare-- <= 0) return;
      if (!inode.dirty) this.#inodes.delete(number);
    }
  }
}

function requireBase(record: MftRecord): void {
  if (!record.isInUse) {
    throw new FsError('ENOENT', { operation: 'inode', path: `record ${record.number}`, reason: 'it is not in use' });
  }
  if (record.isExtension) {
    throw new CorruptImageError({
      structure: `FILE record ${record.number}`,
      field: 'base record',
      offset: record.position,
      reason: 'it belongs to another file',
    });
  }
}

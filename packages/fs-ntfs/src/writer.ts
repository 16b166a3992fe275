import type { WarningSink } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import type { Attribute } from './attribute.js';
import { type EncodedAttribute, encodeAttribute, encodedSize } from './attribute-codec.js';
import { AttributeEditor } from './attribute-edit.js';
import { piecesOf } from './attribute-reader.js';
import type { Bitmap } from './bitmap.js';
import { ClusterAllocator } from './cluster-allocator.js';
import { IndexEditor } from './index-edit.js';
import type { IndexTree } from './index-tree.js';
import type { Inode } from './inode.js';
import { AttributeType, RecordFlag, SystemFile, VolumeFlag } from './layout.js';
import { emptyLog } from './log-file.js';
import { MIRRORED_RECORDS } from './mft.js';
import { RecordAllocator } from './record-allocator.js';
import { encodeRecord, type RecordShape, recordCapacity } from './record-codec.js';
import { listOf, planSingle, planSpread, type RecordPlan, sortParts, totalSize } from './record-layout.js';
import { clusterBitmap, recordBitmap } from './statfs.js';
import type { Volume, VolumeFacts } from './volume.js';

/** Changes held back before they are written in the midst of work. */
const MAX_DIRTY_INODES = 2048;
/** Bytes written by one call. */
const MAX_WRITE = 1024 * 1024;
/** Attributes that may leave their record to make room. */
const MOVABLE: ReadonlySet<number> = new Set([
  AttributeType.data,
  AttributeType.securityDescriptor,
  AttributeType.bitmap,
  AttributeType.reparsePoint,
  AttributeType.ea,
  AttributeType.loggedUtilityStream,
]);

/** No $MFTMirr holds this record: clusters have at most 2 MiB. */
const FIRST_MIRRORLESS = 4096;

/** A record to be written. */
interface PendingRecord {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** What changes a volume needs besides the volume: what was found when it was opened. */
export interface WriterParts {
  readonly volume: Volume;
  readonly facts: VolumeFacts;
  readonly logDirty: boolean;
  readonly warn?: WarningSink | undefined;
}

/** Holds changes of a volume back, and writes them: inodes to their records, indexes to their blocks. */
export class Writer {
  readonly volume: Volume;
  readonly shape: RecordShape;
  readonly capacity: number;
  readonly clusters: ClusterAllocator;
  readonly records: RecordAllocator;
  readonly attributes: AttributeEditor;
  readonly indexes = new Set<IndexEditor>();
  readonly #inodes = new Set<Inode>();
  readonly #editors = new WeakMap<IndexTree, IndexEditor>();
  /** Brings the copies of an inode's sizes and times in its directories up to date. */
  syncNames: (inode: Inode) => Promise<void> = async () => {};
  #begun = false;
  #logDirty: boolean;
  readonly #wasDirty: boolean;

  private constructor(parts: WriterParts, clusterMap: Bitmap, recordMap: Bitmap) {
    this.volume = parts.volume;
    this.#logDirty = parts.logDirty;
    this.#wasDirty = (parts.facts.flags & VolumeFlag.dirty) !== 0;
    const { recordSize } = this.volume.geometry;
    this.shape = { recordSize, numbered: parts.facts.minorVersion >= 1 };
    this.capacity = recordCapacity(this.shape);
    this.clusters = new ClusterAllocator(this.volume, clusterMap);
    this.attributes = new AttributeEditor(this);
    this.records = new RecordAllocator(this, recordMap);
  }

  /** @throws CorruptImageError */
  static async open(parts: WriterParts): Promise<Writer> {
    return new Writer(parts, await clusterBitmap(parts.volume), recordBitmap(parts.volume));
  }

  /** What changes an index. */
  editor(tree: IndexTree): IndexEditor {
    let editor = this.#editors.get(tree);
    if (editor === undefined) {
      editor = new IndexEditor(this, tree);
      this.#editors.set(tree, editor);
    }
    return editor;
  }

  /** To be called before the first change: the log is emptied and the volume marked dirty. */
  async begin(): Promise<void> {
    if (this.#begun) return;
    if (this.#logDirty) {
      await emptyLog(this.volume, (await this.volume.mft.load(SystemFile.logFile)).require(AttributeType.data));
      this.#logDirty = false;
    }
    this.#begun = true;
    await this.#markVolume(true);
  }

  async #markVolume(dirty: boolean): Promise<void> {
    if (this.#wasDirty) return;
    const inode = await this.volume.mft.load(SystemFile.volume);
    const value = inode.requireValue(AttributeType.volumeInformation, 12);
    const flags = value[10]! | (value[11]! << 8);
    const changed = dirty ? flags | VolumeFlag.dirty : flags & ~VolumeFlag.dirty;
    value[10] = changed & 0xff;
    value[11] = changed >> 8;
    await this.#write([{ number: inode.number, bytes: this.#encodeSingle(inode) }]);
  }

  /** An inode was changed. */
  touch(inode: Inode): void {
    inode.dirty = true;
    this.#inodes.add(inode);
  }

  /** What its directory entries copy of an inode was changed. */
  touchNames(inode: Inode): void {
    inode.namesStale = true;
    this.touch(inode);
  }

  /** An inode is gone: nothing of it is written any more. */
  drop(inode: Inode): void {
    inode.dirty = false;
    inode.namesStale = false;
    this.#inodes.delete(inode);
    for (const index of this.indexes) if (index.tree.inode === inode) this.indexes.delete(index);
    this.volume.mft.forget(inode.number);
  }

  /** Whether an inode would still lie in its base record alone with `more` bytes. */
  fits(inode: Inode, more = 0): boolean {
    return totalSize(inode) + more <= this.capacity;
  }

  /**
   * The change of an inode is complete: room for its attributes is made now, so that writing it later cannot fail.
   * @throws FsError ENOSPC
   */
  async commit(inode: Inode): Promise<void> {
    this.touch(inode);
    if (this.fits(inode)) {
      if (inode.attributeList !== undefined) await this.#write(await this.#plan(inode));
      return;
    }
    await this.clusters.urgently(async () => {
      await this.#makeRoom(inode);
      if (!this.fits(inode)) await this.#write(await this.#plan(inode));
    });
  }

  /** Move values out of the record, the largest first. */
  async #makeRoom(inode: Inode): Promise<void> {
    while (!this.fits(inode)) {
      let largest: Attribute | undefined;
      for (const attribute of inode.attributes) {
        if (attribute.value === undefined || !MOVABLE.has(attribute.type)) continue;
        if (largest === undefined || attribute.value.length > largest.value!.length) largest = attribute;
      }
      if (largest === undefined || encodedSize(largest) <= 96) return;
      await this.attributes.makeNonResident(largest);
    }
  }

  #encodeSingle(inode: Inode): Uint8Array {
    return this.#encode(inode, planSingle(inode, this.volume.geometry.clusterSize));
  }

  #encode(inode: Inode, parts: readonly EncodedAttribute[]): Uint8Array {
    const bytes = encodeRecord(this.shape, { ...headerOf(inode), number: inode.number }, parts);
    inode.updateSequence = bytes[this.shape.numbered ? 48 : 42]! | (bytes[this.shape.numbered ? 49 : 43]! << 8);
    return bytes;
  }

  /** Records of an inode as they are to be written. */
  async #plan(inode: Inode): Promise<PendingRecord[]> {
    if (inode.attributeList === undefined && this.fits(inode)) {
      return [{ number: inode.number, bytes: this.#encodeSingle(inode) }];
    }
    if (this.fits(inode)) {
      await this.#dropList(inode);
      renumber(inode);
      return [{ number: inode.number, bytes: this.#encodeSingle(inode) }];
    }
    return this.#spread(inode);
  }

  async #dropList(inode: Inode): Promise<void> {
    await this.attributes.freeValue(inode.attributeList!);
    inode.attributeList = undefined;
    for (const extension of inode.extensions) await this.records.release(extension.record, extension.sequence);
    inode.extensions = [];
  }

  async #spread(inode: Inode): Promise<PendingRecord[]> {
    const { clusterSize } = this.volume.geometry;
    const plans = planSpread(inode, clusterSize, this.capacity);
    while (inode.extensions.length < plans.length - 1) {
      inode.extensions.push(await this.records.allocate(inode));
    }
    while (inode.extensions.length > plans.length - 1) {
      const spare = inode.extensions.pop()!;
      await this.records.release(spare.record, spare.sequence);
    }
    const references = [{ record: inode.number, sequence: inode.sequence }, ...inode.extensions];
    const instances = new Map<EncodedAttribute, number>();
    for (const plan of plans) numberParts(plan, instances);
    const list = listOf(plans, references, instances);
    plans[0]!.parts.push(await this.#encodeList(inode, list, plans[0]!));
    inode.nextInstance = plans[0]!.parts.length;
    return plans.map((plan, i) => {
      const parts = sortParts(plan.parts);
      if (i === 0) return { number: inode.number, bytes: this.#encode(inode, parts) };
      const { record, sequence } = references[i]!;
      const header = {
        number: record,
        sequence,
        linkCount: 0,
        flags: RecordFlag.inUse,
        baseReference: inode.reference,
        nextInstance: plan.parts.length,
        lsn: 0n,
        updateSequence: inode.updateSequence,
      };
      return { number: record, bytes: encodeRecord(this.shape, header, parts) };
    });
  }

  /** The list itself: in the base record where it has room, else in clusters. */
  async #encodeList(inode: Inode, list: Uint8Array, base: RecordPlan): Promise<EncodedAttribute> {
    const room = base.room + 128;
    const instance = base.parts.length;
    inode.attributeList ??= {
      type: AttributeType.attributeList,
      name: '',
      flags: 0,
      instance,
      indexed: 0,
      value: list,
    };
    const attribute = inode.attributeList;
    attribute.instance = instance;
    const resident: Attribute = { ...attribute, nonResident: undefined, value: list };
    if (encodedSize(resident) <= room) {
      if (attribute.nonResident !== undefined) await this.attributes.freeValue(attribute);
      attribute.nonResident = undefined;
      attribute.value = list;
    } else await this.attributes.replaceStored(attribute, list);
    const encoded = encodeAttribute(attribute, this.volume.geometry.clusterSize, 0, room);
    if (encoded === undefined) throw new FsError('ENOSPC', { operation: 'write', reason: 'too many fragments' });
    return encoded;
  }

  /** Enough has been held back, or someone wants it on the device. */
  async settle(): Promise<void> {
    const { mft, nodeBudget } = this.volume;
    if (this.#inodes.size <= MAX_DIRTY_INODES && !mft.isFull && !nodeBudget.isFull) return;
    await this.flush();
    mft.trim();
    nodeBudget.trim();
  }

  /** Write everything held back. */
  flush(): Promise<void> {
    return this.clusters.urgently(() => this.#flush());
  }

  async #flush(): Promise<void> {
    for (const inode of [...this.#inodes]) if (inode.namesStale) await this.syncNames(inode);
    for (const index of this.indexes) await index.flush();
    this.indexes.clear();
    await this.records.map.flush();
    await this.clusters.map.flush();
    // Making room for a fragmented inode may change the table itself, and the maps.
    for (let round = 0; this.#inodes.size > 0 && round < 8; round++) {
      const inodes = [...this.#inodes].sort((a, b) => a.number - b.number);
      this.#inodes.clear();
      const pending: PendingRecord[] = [];
      for (const inode of inodes) {
        if (!inode.dirty) continue;
        inode.dirty = false;
        pending.push(...(await this.#plan(inode)));
      }
      await this.#write(pending);
      await this.records.map.flush();
      await this.clusters.map.flush();
    }
  }

  /** Write everything, and take the mark away that says that the volume is being changed. */
  async sync(): Promise<void> {
    if (!this.#begun) return;
    await this.flush();
    await this.#markVolume(false);
    this.#begun = false;
    await this.volume.device.flush();
  }

  /** Write records, neighbours together, and the first ones also to the mirror. */
  async #write(records: readonly PendingRecord[]): Promise<void> {
    const { mft, geometry, device } = this.volume;
    const { recordSize, mftMirrorLcn, clusterSize } = geometry;
    let run: { offset: number; parts: Uint8Array[]; length: number } | undefined;
    const writeRun = async (): Promise<void> => {
      if (run !== undefined) await device.write(run.offset, join(run.parts, run.length));
      run = undefined;
    };
    for (const { number, bytes } of records) {
      let at = 0;
      for (const piece of mft.pieces(number)) {
        if (run === undefined || run.offset + run.length !== piece.position || run.length >= MAX_WRITE) {
          await writeRun();
          run = { offset: piece.position, parts: [], length: 0 };
        }
        run!.parts.push(bytes.subarray(at, at + piece.length));
        run!.length += piece.length;
        at += piece.length;
      }
      if (number < FIRST_MIRRORLESS && number < (await this.#mirrored())) {
        await device.write(mftMirrorLcn * clusterSize + number * recordSize, bytes);
      }
    }
    await writeRun();
  }

  #mirrorCount: number | undefined;

  /** Records that $MFTMirr has room for. */
  async #mirrored(): Promise<number> {
    if (this.#mirrorCount === undefined) {
      const data = (await this.volume.mft.load(SystemFile.mftMirror)).require(AttributeType.data).nonResident;
      const bytes = data === undefined ? 0 : data.dataSize;
      this.#mirrorCount = Math.max(MIRRORED_RECORDS, Math.floor(bytes / this.volume.geometry.recordSize));
    }
    return this.#mirrorCount;
  }

  /** Write bytes into the clusters of a stored value. */
  async writeStored(attribute: Attribute, offset: number, data: Uint8Array): Promise<void> {
    let at = 0;
    for (const piece of piecesOf(this.volume, attribute.nonResident!, offset, data.length)) {
      for (let done = 0; done < piece.length; done += MAX_WRITE) {
        const part = Math.min(MAX_WRITE, piece.length - done);
        await this.volume.device.write(piece.position + done, data.subarray(at + done, at + done + part));
      }
      at += piece.length;
    }
  }

  /** Write a record that is not an inode's: a free one. */
  async writeRecord(number: number, bytes: Uint8Array): Promise<void> {
    await this.#write([{ number, bytes }]);
  }
}

function headerOf(inode: Inode) {
  const { sequence, linkCount, flags, nextInstance, lsn, updateSequence } = inode;
  return { sequence, linkCount, flags, nextInstance, lsn, updateSequence, baseReference: 0n };
}

/** Instance numbers that were unique in several records are made unique in one. */
function renumber(inode: Inode): void {
  for (const [i, attribute] of inode.attributes.entries()) attribute.instance = i;
  inode.nextInstance = inode.attributes.length;
}

/** Number the parts of a record, in place in their bytes. */
function numberParts(plan: RecordPlan, instances: Map<EncodedAttribute, number>): void {
  for (const [i, part] of plan.parts.entries()) {
    part.bytes[14] = i & 0xff;
    part.bytes[15] = i >> 8;
    instances.set(part, i);
  }
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

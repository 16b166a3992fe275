import { isVmcraftError } from '@vmcraft/core/errors';
import { type Attribute, sizeOf } from '../attribute.js';
import { decodeAttributeList, MAX_LIST_SIZE } from '../attribute-list.js';
import { readAttribute, readWhole } from '../attribute-reader.js';
import { parentOf, requireFileName } from '../file-name.js';
import type { Inode } from '../inode.js';
import { loadInode } from '../inode-loader.js';
import { AttributeType, decodeReference, FIRST_USER_RECORD, fileRecord, SystemFile, USA_OFFSET_31 } from '../layout.js';
import { IndexName } from '../layout-index.js';
import type { MftRecord } from '../mft-record.js';
import type { Volume } from '../volume.js';
import type { ClusterClaims } from './cluster-claims.js';
import type { Findings } from './findings.js';
import { Fact, type RecordFacts } from './record-facts.js';

/** All records of $MFT: each by itself, with the attributes of the file that it holds and the clusters of those. */
export class RecordPass {
  /** Whether every record in use could be read. */
  complete = true;
  /** Security ids that files have. */
  readonly securityIds = new Map<number, number>();

  constructor(
    private readonly volume: Volume,
    private readonly facts: RecordFacts,
    private readonly claims: ClusterClaims,
    private readonly findings: Findings,
  ) {}

  async run(): Promise<void> {
    const { mft } = this.volume;
    const map = mft.inode.require(AttributeType.bitmap);
    const length = Math.min(sizeOf(map), Math.ceil(this.facts.count / 8));
    const bits = await this.findings.attempt('$MFT', () => readAttribute(this.volume, map, 0, length));
    if (sizeOf(map) * 8 < this.facts.count) this.findings.error('the bitmap of $MFT is too short for its records');
    for (let number = 0; number < this.facts.count; number++) {
      const marked = bits !== undefined && ((bits[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
      await this.#record(number, marked);
    }
    for (let number = 0; number < this.facts.count; number++) {
      if (!this.facts.is(number, Fact.extension) || this.facts.is(number, Fact.listed)) continue;
      this.findings.error(`record ${number} holds attributes of a file whose $ATTRIBUTE_LIST does not name it`);
    }
  }

  async #record(number: number, marked: boolean): Promise<void> {
    const { mft } = this.volume;
    let record: MftRecord;
    try {
      record = await mft.readRecord(number);
    } catch (error) {
      if (!isVmcraftError(error) || error.code === 'VMC_HOST') throw error;
      // A record that was never used need not be one.
      if (!marked) return;
      this.complete = false;
      this.findings.error(error.message);
      return;
    }
    if (record.isInUse !== marked) {
      this.findings.error(
        `record ${number} is ${record.isInUse ? 'in use' : 'free'}, but ${marked ? 'in use' : 'free'} in the bitmap of $MFT`,
      );
    }
    if (!record.isInUse) return;
    this.facts.sequence[number] = record.sequence;
    this.#header(record);
    if (record.isExtension) {
      this.facts.set(number, Fact.extension);
      await this.#extension(record);
      return;
    }
    this.facts.set(number, Fact.base);
    const inode = await this.findings.attempt('', () =>
      number === SystemFile.mft ? mft.inode : loadInode(record, mft),
    );
    if (inode === undefined) this.complete = false;
    else await this.findings.attempt(`record ${number}`, () => this.#inode(inode, record));
  }

  /** What the header of a record says of itself. Linux-NTFS "FILE Record". */
  #header(record: MftRecord): void {
    const { number, data } = record;
    const header = fileRecord.decode(data);
    if (header.bytesAllocated !== data.length) {
      this.findings.error(`record ${number}: ${header.bytesAllocated} bytes allocated, not ${data.length}`);
    }
    if (header.bytesInUse > header.bytesAllocated || header.bytesInUse % 8 !== 0) {
      this.findings.error(`record ${number}: ${header.bytesInUse} bytes in use`);
    }
    if (header.usaOffset >= USA_OFFSET_31 && header.recordNumber !== number) {
      this.findings.error(`record ${number} says that it is record ${header.recordNumber}`);
    }
  }

  /** The file of an extension record is there; that its list names this record is seen when it is read. */
  async #extension(record: MftRecord): Promise<void> {
    const { number, base } = record;
    const problem = await this.findings.attempt(`record ${number}`, async () => {
      if (base.record >= this.facts.count) return 'outside of $MFT';
      const owner = await this.volume.mft.readRecord(base.record);
      if (!owner.isInUse || owner.isExtension) return 'no file';
      return owner.sequence === base.sequence ? '' : 'another file by now';
    });
    if (problem !== undefined && problem !== '') {
      this.findings.error(`record ${number} belongs to record ${base.record}, which is ${problem}`);
    }
  }

  async #inode(inode: Inode, record: MftRecord): Promise<void> {
    const { number } = inode;
    const { facts } = this;
    facts.set(number, Fact.readable);
    for (const extension of inode.extensions) facts.set(extension.record, Fact.listed);
    await this.#listIsWhole(inode, record);
    this.#instances(record);
    if (inode.attributeList !== undefined) this.#attribute(inode, inode.attributeList);
    for (const attribute of inode.attributes) this.#attribute(inode, attribute);
    this.#names(inode);
    this.#indexes(inode);
    const standard = inode.find(AttributeType.standardInformation)?.value;
    if (standard === undefined) {
      this.findings.error(`record ${number} has no $STANDARD_INFORMATION`);
    } else if (standard.length >= 72) {
      const id = inode.standard.getUint32(52, true);
      if (id !== 0) this.securityIds.set(id, number);
    }
  }

  /** $ATTRIBUTE_LIST names each attribute in the records of the file; that those it names exist, reading it has shown. */
  async #listIsWhole(inode: Inode, record: MftRecord): Promise<void> {
    if (inode.attributeList === undefined) return;
    let stored = record.attributes().filter(({ type }) => type !== AttributeType.attributeList).length;
    for (const extension of inode.extensions) {
      stored += (await this.volume.mft.readRecord(extension.record)).attributes().length;
    }
    const list = await readWhole(this.volume, inode.attributeList, MAX_LIST_SIZE);
    const listed = decodeAttributeList(list).length;
    if (stored !== listed) {
      this.findings.error(`record ${inode.number}: $ATTRIBUTE_LIST names ${listed} attributes, there are ${stored}`);
    }
  }

  /** The instances of one record are all different: $ATTRIBUTE_LIST names attributes by them. */
  #instances(record: MftRecord): void {
    const seen = new Set<number>();
    let before = 0;
    for (const { type, instance } of record.attributes()) {
      if (seen.has(instance)) this.findings.error(`record ${record.number}: two attributes of instance ${instance}`);
      if (type < before) this.findings.error(`record ${record.number}: its attributes are out of order`);
      seen.add(instance);
      before = type;
    }
  }

  #attribute(inode: Inode, attribute: Attribute): void {
    const body = attribute.nonResident;
    if (body === undefined) return;
    const owner = `record ${inode.number}, attribute 0x${attribute.type.toString(16)} '${attribute.name}'`;
    const room = body.runs.end * this.volume.geometry.clusterSize;
    if (body.dataSize > room) this.findings.error(`${owner}: ${body.dataSize} bytes in ${room} bytes of clusters`);
    if (body.allocatedSize !== room) {
      this.findings.error(`${owner}: ${body.allocatedSize} bytes allocated, but clusters for ${room}`);
    }
    this.claims.claim(body.runs, owner);
  }

  #names(inode: Inode): void {
    const { number } = inode;
    const names = inode.all(AttributeType.fileName);
    for (const { value } of names) requireFileName(value ?? new Uint8Array(0), `$FILE_NAME of record ${number}`);
    this.facts.names[number] = names.length;
    if (inode.linkCount !== names.length) {
      this.findings.error(`record ${number}: ${inode.linkCount} links are counted, there are ${names.length}`);
    }
    if (names.length === 0) {
      if (number >= FIRST_USER_RECORD) this.findings.error(`record ${number} is in use, but has no name`);
      return;
    }
    if (inode.isDirectory) this.facts.parent[number] = decodeReference(parentOf(names[0]!.value!)).record;
  }

  #indexes(inode: Inode): void {
    const { number } = inode;
    const roots = inode.all(AttributeType.indexRoot);
    const hasNames = roots.some(({ name }) => name === IndexName.directory);
    if (inode.isDirectory !== hasNames) {
      this.findings.error(
        `record ${number}: ${hasNames ? 'a file with an index of names' : 'a directory without one'}`,
      );
    }
    if (hasNames) this.facts.set(number, Fact.directory);
    if (roots.some(({ name }) => name !== IndexName.directory)) this.facts.set(number, Fact.viewIndex);
  }
}

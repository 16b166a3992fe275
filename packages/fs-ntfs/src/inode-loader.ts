import { CorruptImageError } from '@vmcraft/core/errors';
import type { Attribute } from './attribute.js';
import { decodeAttributeList, type ListEntry, MAX_LIST_SIZE } from './attribute-list.js';
import { type ClusterSource, readWhole } from './attribute-reader.js';
import { Inode } from './inode.js';
import { AttributeType } from './layout.js';
import { addExtent, type MftRecord, type RecordAttribute, startAttribute } from './mft-record.js';
import type { RunLimits } from './run-list.js';

/** What loading an inode needs of the volume. */
export interface RecordSource extends ClusterSource {
  readonly runLimits: RunLimits;
  readRecord(number: number): Promise<MftRecord>;
}

function startInode(record: MftRecord): Inode {
  const inode = new Inode(record.number);
  inode.sequence = record.sequence;
  inode.linkCount = record.linkCount;
  inode.flags = record.flags;
  inode.nextInstance = record.nextInstance;
  inode.updateSequence = record.updateSequence;
  inode.lsn = record.view.getBigUint64(8, true);
  return inode;
}

/** An inode that lies in its base record alone; undefined when it has an $ATTRIBUTE_LIST. @throws CorruptImageError */
export function inodeOfRecord(record: MftRecord, limits: RunLimits): Inode | undefined {
  const parts = record.attributes();
  const inode = startInode(record);
  for (const part of parts) {
    if (part.type === AttributeType.attributeList) return undefined;
    inode.attributes.push(startWhole(part, limits));
  }
  return inode;
}

function startWhole(part: RecordAttribute, limits: RunLimits): Attribute {
  if (part.extent !== undefined && part.extent.lowestVcn !== 0) {
    throw new CorruptImageError({
      structure: `attribute 0x${part.type.toString(16)}`,
      field: 'lowest VCN',
      expected: 0,
      found: part.extent.lowestVcn,
    });
  }
  return startAttribute(part, limits);
}

/** An inode with all its extension records. @throws CorruptImageError */
export async function loadInode(record: MftRecord, source: RecordSource): Promise<Inode> {
  const simple = inodeOfRecord(record, source.runLimits);
  if (simple !== undefined) return simple;
  const parts = record.attributes();
  const listPart = parts.find((part) => part.type === AttributeType.attributeList)!;
  const list = startWhole(listPart, source.runLimits);
  const entries = decodeAttributeList(await readWhole(source, list, MAX_LIST_SIZE));
  const inode = startInode(record);
  inode.attributeList = list;
  await gather(inode, parts, entries, source);
  return inode;
}

/** Find and join the extents that the list names. */
export async function gather(
  inode: Inode,
  baseParts: RecordAttribute[],
  entries: readonly ListEntry[],
  source: RecordSource,
): Promise<void> {
  const records = new Map<number, RecordAttribute[]>([[inode.number, baseParts]]);
  let current: Attribute | undefined;
  for (const entry of entries) {
    const { record } = entry.reference;
    let parts = records.get(record);
    if (parts === undefined) {
      parts = await extensionParts(inode, entry, source);
      records.set(record, parts);
    }
    const part = parts.find(
      (p) => p.type === entry.type && p.instance === entry.instance && (p.extent?.lowestVcn ?? 0) === entry.lowestVcn,
    );
    if (part === undefined || part.name !== entry.name) {
      throw new CorruptImageError({
        structure: '$ATTRIBUTE_LIST',
        field: `attribute 0x${entry.type.toString(16)} '${entry.name}' of record ${inode.number}`,
        reason: `record ${record} does not have it`,
      });
    }
    if (entry.lowestVcn > 0 && current !== undefined && current.type === part.type && current.name === part.name) {
      addExtent(current, part, source.runLimits);
    } else {
      current = startWhole(part, source.runLimits);
      inode.attributes.push(current);
    }
  }
}

async function extensionParts(inode: Inode, entry: ListEntry, source: RecordSource): Promise<RecordAttribute[]> {
  const { record: number, sequence } = entry.reference;
  const record = await source.readRecord(number);
  const { base } = record;
  if (!record.isInUse || base.record !== inode.number || !record.isExtension) {
    throw new CorruptImageError({
      structure: `FILE record ${number}`,
      field: 'base record',
      offset: record.position,
      expected: inode.number,
      found: record.isInUse ? base.record : 'a free record',
    });
  }
  if (record.sequence !== sequence) {
    throw new CorruptImageError({
      structure: '$ATTRIBUTE_LIST',
      field: `sequence number of record ${number}`,
      expected: record.sequence,
      found: sequence,
    });
  }
  inode.extensions.push({ record: number, sequence: record.sequence });
  return record.attributes();
}

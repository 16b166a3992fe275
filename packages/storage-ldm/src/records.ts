import { uuidToString } from '@vmcraft/core/binary';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { RecordHead, RecordType } from './layout.js';
import { RecordReader } from './record-reader.js';

/** A volume of a disk group. Sizes and places of all records are in sectors. */
export interface VolumeRecord {
  readonly id: number;
  readonly name: string;
  readonly uuid: string;
  /** 3: simple, spanned, striped or mirrored; 4: RAID-5. */
  readonly volumeType: number;
  readonly components: number;
  readonly size: number;
  /** Drive letter that Windows is to give it, `E:`. */
  readonly hint: string;
}

/** One copy of a volume. */
export interface ComponentRecord {
  readonly id: number;
  readonly type: number;
  readonly partitions: number;
  readonly volumeId: number;
  readonly chunkSize: number;
  readonly columns: number;
}

/** A span of a disk. */
export interface PartitionRecord {
  readonly id: number;
  readonly name: string;
  readonly start: number;
  /** Where it begins within its component. */
  readonly volumeOffset: number;
  readonly size: number;
  readonly componentId: number;
  readonly diskId: number;
  readonly column: number;
}

/** A disk, there or not. */
export interface DiskRecord {
  readonly id: number;
  readonly name: string;
  readonly uuid: string;
}

/** All records of a group. */
export interface Records {
  readonly volumes: VolumeRecord[];
  readonly components: ComponentRecord[];
  readonly partitions: PartitionRecord[];
  readonly disks: DiskRecord[];
  groupName: string;
}

/**
 * Add what one record says.
 * @throws CorruptImageError, UnsupportedFeatureError for types and revisions not known
 */
export function readRecord(data: Uint8Array, into: Records): void {
  const { flags, type } = RecordHead.decode(data);
  const kind = type & 0x0f;
  const revision = type >>> 4;
  const body = data.subarray(RecordHead.size);
  if (kind === RecordType.blank) return;
  if (kind === RecordType.volume && revision === 5) into.volumes.push(readVolume(body, flags));
  else if (kind === RecordType.component && revision === 3) into.components.push(readComponent(body, flags));
  else if (kind === RecordType.partition && revision === 3) into.partitions.push(readPartition(body, flags));
  else if (kind === RecordType.disk && (revision === 3 || revision === 4)) into.disks.push(readDisk(body, revision));
  else if (kind === RecordType.group && (revision === 3 || revision === 4)) into.groupName = readGroup(body);
  else {
    const feature = `record of type ${kind}, revision ${revision}`;
    throw new UnsupportedFeatureError({ feature, structure: 'LDM database' });
  }
}

/** "Volume", flags say which fields are at its end. */
function readVolume(data: Uint8Array, flags: number): VolumeRecord {
  const r = new RecordReader(data, 'VBLK volume');
  const id = r.number();
  const name = r.text();
  r.text();
  r.text();
  r.take(14);
  const volumeType = r.byte();
  r.take(6);
  const components = r.number();
  r.take(16);
  const size = r.number();
  r.take(5);
  const uuid = uuidToString(r.take(16));
  if ((flags & 0x08) !== 0) r.text();
  if ((flags & 0x20) !== 0) r.text();
  if ((flags & 0x80) !== 0) r.number();
  const hint = (flags & 0x02) === 0 ? '' : r.text();
  return { id, name, uuid, volumeType, components, size, hint };
}

/** "Component". */
function readComponent(data: Uint8Array, flags: number): ComponentRecord {
  const r = new RecordReader(data, 'VBLK component');
  const id = r.number();
  r.text();
  r.text();
  const type = r.byte();
  r.take(4);
  const partitions = r.number();
  r.take(16);
  const volumeId = r.number();
  r.take(1);
  const isStriped = (flags & 0x10) !== 0;
  return { id, type, partitions, volumeId, chunkSize: isStriped ? r.number() : 0, columns: isStriped ? r.number() : 0 };
}

/** "Partition". */
function readPartition(data: Uint8Array, flags: number): PartitionRecord {
  const r = new RecordReader(data, 'VBLK partition');
  const id = r.number();
  const name = r.text();
  r.take(12);
  const start = r.fixed();
  const volumeOffset = r.fixed();
  const size = r.number();
  const componentId = r.number();
  const diskId = r.number();
  return { id, name, start, volumeOffset, size, componentId, diskId, column: (flags & 0x08) === 0 ? 0 : r.number() };
}

/** "Disk", whose GUID is text in revision 3. */
function readDisk(data: Uint8Array, revision: number): DiskRecord {
  const r = new RecordReader(data, 'VBLK disk');
  const id = r.number();
  const name = r.text();
  return { id, name, uuid: revision === 3 ? r.text().toLowerCase() : uuidToString(r.take(16)) };
}

/** "Disk group". */
function readGroup(data: Uint8Array): string {
  const r = new RecordReader(data, 'VBLK disk group');
  r.number();
  return r.text();
}

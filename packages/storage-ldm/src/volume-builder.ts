import { ConcatDevice, MirrorArray, ParityArray, parityLayout, SliceDevice, StripeArray } from '@vmcraft/core/block';
import type { BlockDevice, Member } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { Database } from './database.js';
import { partitionsOf } from './group-facts.js';
import { ComponentType, SPECIFICATION } from './layout.js';
import type { PrivateHeader } from './private-header.js';
import type { ComponentRecord, PartitionRecord, VolumeRecord } from './records.js';

/** A disk of the group that is there. */
export interface PresentDisk {
  readonly member: Member;
  readonly header: PrivateHeader;
}

/** A span of a disk; without a device where the disk is missing. */
interface Column {
  readonly record: PartitionRecord;
  readonly device: BlockDevice | undefined;
  readonly diskName: string;
}

/**
 * The device that a volume is.
 * @param disks those that are there, by GUID
 * @param unit bytes of a sector
 * @throws CorruptImageError when records do not fit each other, or a disk is missing that nothing makes up for
 */
export function buildVolume(
  volume: VolumeRecord,
  database: Database,
  disks: ReadonlyMap<string, PresentDisk>,
  unit: number,
): BlockDevice {
  const components = database.components.filter((c) => c.volumeId === volume.id);
  const structure = `LDM volume ${volume.name}`;
  if (components.length === 0 || components.length !== volume.components) {
    throw new CorruptImageError({
      structure,
      field: 'components',
      expected: volume.components,
      found: components.length,
    });
  }
  const size = volume.size * unit;
  const copies = components.map((component) => {
    const columns = columnsOf(component, database, disks, unit, structure);
    return { component, columns };
  });
  if (copies.length === 1) {
    const [{ component, columns }] = copies as [(typeof copies)[0]];
    return trim(buildComponent(component, columns, unit, structure), size, structure);
  }
  if (copies.some(({ component }) => component.type !== ComponentType.spanned)) {
    throw new CorruptImageError({ structure, reason: 'a mirror of anything but simple volumes is none of Windows' });
  }
  const members = copies.map(({ component, columns }) => {
    if (columns.some((c) => c.device === undefined)) return undefined;
    return { device: trim(buildComponent(component, columns, unit, structure), size, structure) };
  });
  if (members.every((m) => m === undefined))
    throw missing(
      structure,
      copies.flatMap((c) => c.columns),
    );
  return new MirrorArray(members, size, { name: structure });
}

function columnsOf(
  component: ComponentRecord,
  database: Database,
  disks: ReadonlyMap<string, PresentDisk>,
  unit: number,
  structure: string,
): Column[] {
  const records = partitionsOf(database, component);
  if (records.length === 0 || records.length !== component.partitions) {
    const found = { field: 'partitions', expected: component.partitions, found: records.length };
    throw new CorruptImageError({ structure, citation: SPECIFICATION, ...found });
  }
  return records.map((record) => {
    const disk = database.disks.find((d) => d.id === record.diskId);
    if (disk === undefined) {
      const reason = `${record.name} lies on disk ${record.diskId}, which is no record`;
      throw new CorruptImageError({ structure, reason });
    }
    const present = disks.get(disk.uuid);
    const device = present === undefined ? undefined : sliceOf(present, record, unit);
    return { record, device, diskName: `${disk.name} (${disk.uuid})` };
  });
}

/** A partition of a disk. @throws CorruptImageError when it ends past the room for data */
export function sliceOf(
  { member, header }: PresentDisk,
  { start, size, name }: PartitionRecord,
  unit: number,
): BlockDevice {
  if ((start + size) * unit > header.dataSize) {
    const reason = `${name} ends past the data of its disk`;
    throw new CorruptImageError({ structure: 'VBLK partition', reason, citation: SPECIFICATION });
  }
  return new SliceDevice(member.device, header.dataStart + start * unit, size * unit, { name });
}

function buildComponent(
  component: ComponentRecord,
  columns: readonly Column[],
  unit: number,
  structure: string,
): BlockDevice {
  const there = columns.flatMap((c) => (c.device === undefined ? [] : [c.device]));
  const lost = columns.length - there.length;
  if (component.type === ComponentType.spanned) {
    if (lost > 0) throw missing(structure, columns);
    let at = 0;
    for (const { record } of columns) {
      if (record.volumeOffset !== at) {
        const found = { field: record.name, expected: at, found: record.volumeOffset };
        throw new CorruptImageError({ structure, citation: SPECIFICATION, ...found });
      }
      at += record.size;
    }
    return there.length === 1 ? there[0]! : new ConcatDevice(there, { name: structure });
  }
  const chunkSize = component.chunkSize * unit;
  const least = Math.min(...columns.map((c) => c.record.size * unit));
  const isWhole = columns.every((c, i) => c.record.column === i) && component.columns === columns.length;
  if (chunkSize === 0 || !isWhole) {
    throw new CorruptImageError({
      structure,
      reason: 'its columns or its chunks are not complete',
      citation: SPECIFICATION,
    });
  }
  const options = { chunkSize, memberSize: least - (least % chunkSize), name: structure };
  if (component.type === ComponentType.striped) {
    if (lost > 0) throw missing(structure, columns);
    return new StripeArray(there, options);
  }
  if (component.type !== ComponentType.raid || columns.length < 3) {
    throw new CorruptImageError({ structure, field: 'component type', expected: '1 to 3', found: component.type });
  }
  if (lost > 1) throw missing(structure, columns);
  const members = columns.map((c) => (c.device === undefined ? undefined : { device: c.device }));
  return new ParityArray(members, { ...options, layout: parityLayout('left-symmetric', columns.length, 1) });
}

/** The volume may be smaller than its parts. */
function trim(device: BlockDevice, size: number, structure: string): BlockDevice {
  if (device.size === size) return device;
  if (device.size > size) return new SliceDevice(device, 0, size, { name: structure });
  throw new CorruptImageError({ structure, field: 'size', expected: `at most ${device.size}`, found: size });
}

function missing(structure: string, columns: readonly Column[]): CorruptImageError {
  const names = [...new Set(columns.filter((c) => c.device === undefined).map((c) => c.diskName))];
  const lost = names.length === 1 ? `disk ${names[0]} of it is missing` : `disks ${names.join(', ')} of it are missing`;
  const reason = `${lost}: open the guest with all of its disks`;
  return new CorruptImageError({ structure, reason });
}

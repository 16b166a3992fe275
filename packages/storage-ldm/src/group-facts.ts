import type { Database } from './database.js';
import { ComponentType } from './layout.js';
import type { ComponentRecord, PartitionRecord, VolumeRecord } from './records.js';

/** Kinds of volumes, as guestfs(3) names them. */
export type VolumeType = 'simple' | 'spanned' | 'striped' | 'mirrored' | 'raid5';

/** What the records say of a volume, whether it can be brought up or not. */
export interface VolumeFacts {
  readonly type: VolumeType;
  /** Copy by copy, in the order of columns or of places within the volume. */
  readonly partitions: readonly PartitionRecord[];
}

/** The kind and the partitions of a volume. */
export function volumeFacts(database: Database, volume: VolumeRecord): VolumeFacts {
  const components = database.components.filter((c) => c.volumeId === volume.id);
  const partitions = components.flatMap((component) => partitionsOf(database, component));
  return { type: typeOf(volume, components), partitions };
}

/** The partitions of one copy in order. */
export function partitionsOf(database: Database, component: ComponentRecord): PartitionRecord[] {
  const isSpanned = component.type === ComponentType.spanned;
  const order = (p: PartitionRecord): number => (isSpanned ? p.volumeOffset : p.column);
  return database.partitions.filter((p) => p.componentId === component.id).sort((a, b) => order(a) - order(b));
}

function typeOf(volume: VolumeRecord, components: readonly ComponentRecord[]): VolumeType {
  const [first] = components;
  if (first?.type === ComponentType.raid) return 'raid5';
  if (first?.type === ComponentType.striped) return 'striped';
  if (volume.components > 1) return 'mirrored';
  return (first?.partitions ?? 0) > 1 ? 'spanned' : 'simple';
}

import { CorruptImageError } from '@vmcraft/core/errors';
import { numberOf, textOf } from './config-text.js';
import type { VolumeGroup } from './volume-group.js';

/** A `snapshot` segment: which volume keeps the changes of which. */
export interface SnapshotRelation {
  /** Name of the hidden volume that has the segment. */
  readonly name: string;
  readonly origin: string;
  /** The volume that has the changed chunks; its name is that of the snapshot. */
  readonly store: string;
  /** Bytes. */
  readonly chunkSize: number;
  /** The snapshot is being merged into its origin. */
  readonly isMerging: boolean;
}

/** All old-style snapshots of a group. */
export interface SnapshotRelations {
  readonly byStore: ReadonlyMap<string, SnapshotRelation>;
  /** By origin. */
  readonly merging: ReadonlyMap<string, SnapshotRelation>;
  /** Volumes that have snapshots, merging ones not counted. */
  readonly origins: ReadonlyMap<string, readonly SnapshotRelation[]>;
  /** Hidden volumes that only say what belongs together. */
  readonly hidden: ReadonlySet<string>;
}

const cache = new WeakMap<VolumeGroup, SnapshotRelations>();

/** Find the snapshots of a group. @throws CorruptImageError */
export function snapshotsOf(group: VolumeGroup): SnapshotRelations {
  let relations = cache.get(group);
  if (relations === undefined) {
    relations = collect(group);
    cache.set(group, relations);
  }
  return relations;
}

function collect(group: VolumeGroup): SnapshotRelations {
  const byStore = new Map<string, SnapshotRelation>();
  const merging = new Map<string, SnapshotRelation>();
  const origins = new Map<string, SnapshotRelation[]>();
  const hidden = new Set<string>();
  for (const { name, segments } of group.lvs.values()) {
    const [segment] = segments;
    if (segment?.type !== 'snapshot') continue;
    hidden.add(name);
    const { section } = segment;
    const isMerging = section.has('merging_store');
    const chunkSize = numberOf(section, 'chunk_size', segment.name) * 512;
    if (chunkSize === 0 || segments.length > 1) {
      throw new CorruptImageError({ structure: segment.name, field: 'chunk_size', reason: `${chunkSize} bytes` });
    }
    const origin = textOf(section, 'origin', segment.name);
    const store = textOf(section, isMerging ? 'merging_store' : 'cow_store', segment.name);
    const relation = { name, origin, store, chunkSize, isMerging };
    if (isMerging) {
      merging.set(origin, relation);
    } else {
      byStore.set(store, relation);
      origins.set(origin, [...(origins.get(origin) ?? []), relation]);
    }
  }
  return { byStore, merging, origins, hidden };
}

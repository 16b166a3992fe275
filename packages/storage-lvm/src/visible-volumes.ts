import { snapshotsOf } from './snapshot-relations.js';
import { isValidName, type LogicalVolume, type VolumeGroup } from './volume-group.js';

/** Segment types of volumes that others are made from. */
const POOLS = new Set(['thin-pool', 'cache-pool', 'vdo-pool']);

/** Volumes that a user of the group sees, in the order of the metadata: no pools, no parts of others. */
export function visibleVolumes(group: VolumeGroup): LogicalVolume[] {
  const { hidden, byStore } = snapshotsOf(group);
  return [...group.lvs.values()].filter((lv) => {
    if (hidden.has(lv.name) || !isValidName(lv.name)) return false;
    if (byStore.has(lv.name)) return true;
    return lv.status.has('VISIBLE') && !POOLS.has(lv.segments[0]?.type ?? '');
  });
}

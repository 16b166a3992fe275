import { logicalVolumeActions } from './logical-volumes.js';
import { physicalVolumeActions } from './physical-volumes.js';
import { reportActions } from './reports.js';
import { scanningActions } from './scanning.js';
import { volumeGroupActions } from './volume-groups.js';

/** The theme `lvm` of the guestfs API. */
export const lvmActions = [
  ...reportActions,
  ...physicalVolumeActions,
  ...volumeGroupActions,
  ...logicalVolumeActions,
  ...scanningActions,
] as const;

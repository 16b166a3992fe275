import { archiveActions } from './archive.js';
import { handleDriveActions } from './handle-drives.js';
import { handleSessionActions } from './handle-session.js';
import { mountActions } from './mount.js';
import { transferActions } from './transfer.js';

/** What it takes to open disks, mount, and copy files in and out: for programs that should not load the code of all other actions. */
export const basicActions = [
  ...handleDriveActions,
  ...handleSessionActions,
  ...mountActions,
  ...transferActions,
  ...archiveActions,
] as const;

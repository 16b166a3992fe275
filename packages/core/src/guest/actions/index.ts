import { fileAttributeActions } from './files-attributes.js';
import { fileContentActions } from './files-content.js';
import { fileCreateActions } from './files-create.js';
import { fileDirectoryActions } from './files-directory.js';
import { fileMoveActions } from './files-move.js';
import { fileStatActions } from './files-stat.js';
import { handleDriveActions } from './handle-drives.js';
import { handleSessionActions } from './handle-session.js';
import { handleSettingActions } from './handle-settings.js';
import { inspectionActions } from './inspection.js';
import { mountActions } from './mount.js';

/** Every action that comes with VMCraft; one array per theme file. */
export const allActions = [
  ...handleDriveActions,
  ...handleSessionActions,
  ...handleSettingActions,
  ...mountActions,
  ...inspectionActions,
  ...fileStatActions,
  ...fileDirectoryActions,
  ...fileContentActions,
  ...fileCreateActions,
  ...fileMoveActions,
  ...fileAttributeActions,
] as const;

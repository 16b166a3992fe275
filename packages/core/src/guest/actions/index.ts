import { aclCapsActions } from './acl-caps.js';
import { archiveActions } from './archive.js';
import { blockCopyActions } from './block-copy.js';
import { blockDeviceActions } from './block-device.js';
import { btrfsActions } from './btrfs.js';
import { checksumActions } from './checksum.js';
import { conversionActions } from './conversion.js';
import { e2fsMakeActions } from './e2fs-make.js';
import { e2fsTuneActions } from './e2fs-tune.js';
import { fileAttributeActions } from './files-attributes.js';
import { fileContentActions } from './files-content.js';
import { fileCreateActions } from './files-create.js';
import { fileDirectoryActions } from './files-directory.js';
import { fileMoveActions } from './files-move.js';
import { fileStatActions } from './files-stat.js';
import { filesystemIdentityActions } from './filesystem-identity.js';
import { filesystemMakeActions } from './filesystem-make.js';
import { filesystemUsageActions } from './filesystem-usage.js';
import { grepActions } from './grep.js';
import { handleDriveActions } from './handle-drives.js';
import { handleSessionActions } from './handle-session.js';
import { handleSettingActions } from './handle-settings.js';
import { inspectionActions } from './inspection.js';
import { luksActions } from './luks.js';
import { mountActions } from './mount.js';
import { ntfsActions } from './ntfs.js';
import { partitionEntryActions } from './partition-entry.js';
import { partitionSfdiskActions } from './partition-sfdisk.js';
import { partitionTableActions } from './partition-table.js';
import { runInGuestActions } from './run-in-guest.js';
import { textActions } from './text-search.js';
import { transferActions } from './transfer.js';
import { xattrActions } from './xattr.js';
import { xfsActions } from './xfs.js';
import { zeroDiscardActions } from './zero-discard.js';

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
  ...blockCopyActions,
  ...blockDeviceActions,
  ...e2fsMakeActions,
  ...e2fsTuneActions,
  ...filesystemIdentityActions,
  ...filesystemMakeActions,
  ...filesystemUsageActions,
  ...partitionEntryActions,
  ...partitionSfdiskActions,
  ...partitionTableActions,
  ...zeroDiscardActions,
  ...luksActions,
  ...ntfsActions,
  ...xfsActions,
  ...btrfsActions,
  ...transferActions,
  ...archiveActions,
  ...checksumActions,
  ...xattrActions,
  ...aclCapsActions,
  ...conversionActions,
  ...textActions,
  ...grepActions,
  ...runInGuestActions,
] as const;

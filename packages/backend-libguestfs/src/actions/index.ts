import { btrfsActions } from './btrfs.js';
import { guestActions } from './guest.js';
import { standInActions } from './stand-in.js';
import { storageActions } from './storage.js';

/** Every function of guestfs(3) that may need the appliance. Those that another plugin serves are not used. */
export const applianceActions = [...storageActions, ...btrfsActions, ...guestActions, ...standInActions] as const;

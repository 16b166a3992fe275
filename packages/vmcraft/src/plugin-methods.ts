import type { applianceActions } from '@vmcraft/backend-libguestfs';
import type { allActions } from '@vmcraft/core/actions';
import type { ActionMethods } from '@vmcraft/core/guest';
import type { windowsActions } from '@vmcraft/os-windows';
import type { lvmActions } from '@vmcraft/storage-lvm';
import type { mdActions } from '@vmcraft/storage-mdraid';

/** Methods of plugins whose actions are there on every host. */
type OwnMethods = ActionMethods<typeof windowsActions> &
  ActionMethods<typeof lvmActions> &
  ActionMethods<typeof mdActions>;

/** Those that need the appliance, as far as nothing else serves them. */
type ApplianceMethods = Omit<
  ActionMethods<typeof applianceActions>,
  keyof OwnMethods | keyof ActionMethods<typeof allActions>
>;

/** Methods that the plugins which come with VMCraft add: types only, the plugins are loaded when a guest is opened. */
export type PluginMethods = OwnMethods & ApplianceMethods;

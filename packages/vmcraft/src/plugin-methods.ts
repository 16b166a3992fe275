import type { ActionMethods } from '@vmcraft/core/guest';
import type { windowsActions } from '@vmcraft/os-windows';
import type { lvmActions } from '@vmcraft/storage-lvm';

/** Methods that the plugins which come with VMCraft add: types only, the plugins are loaded when a guest is opened. */
export type PluginMethods = ActionMethods<typeof windowsActions> & ActionMethods<typeof lvmActions>;

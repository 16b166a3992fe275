/**
 * LVM2 volumes for VMCraft: volume groups over any devices, read and write, without device mapper.
 *
 * @example
 * ```ts
 * import { StorageTree } from '@vmcraft/core/storage';
 * import { lvmActivator } from '@vmcraft/storage-lvm';
 *
 * const tree = await StorageTree.discover(disks, { activators: [lvmActivator] });
 * const root = tree.find('/dev/mapper/vg-root');
 * ```
 * @packageDocumentation
 */
export { lvmActions } from './actions/index.js';
export { LVM_ACTIVATOR, lvmActivator } from './activator.js';
export { plugin } from './plugin.js';

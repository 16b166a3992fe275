/**
 * Linux software RAID for VMCraft: md arrays over any devices, read and write, also degraded, without md on the host.
 *
 * @example
 * ```ts
 * import { StorageTree } from '@vmcraft/core/storage';
 * import { mdActivator } from '@vmcraft/storage-mdraid';
 *
 * const tree = await StorageTree.discover(disks, { activators: [mdActivator] });
 * const data = tree.find('/dev/md/data');
 * ```
 * @packageDocumentation
 */
export { mdActions } from './actions/index.js';
export { MD_ACTIVATOR, mdActivator } from './activator.js';
export { plugin } from './plugin.js';

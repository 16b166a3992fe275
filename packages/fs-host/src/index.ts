/**
 * File systems that this host's kernel or its FUSE drivers mount, on a device attached for the purpose; and programs of the guest. Both in
 * namespaces of their own, which end with the process.
 *
 * @example
 * ```ts
 * import type { BlockDevice } from '@vmcraft/core';
 * import { HostFsDriver } from '@vmcraft/fs-host';
 *
 * async function edit(device: BlockDevice): Promise<void> {
 *   await using fs = await new HostFsDriver().open(device, { readonly: false });
 *   for await (const entry of fs.readdir(fs.root)) console.log(entry.name);
 * }
 * ```
 * @packageDocumentation
 */
export { type AttachedDevice, type AttachOptions, attach } from './attach.js';
export { HostFsDriver } from './driver.js';
export type { HostFileSystem } from './host-filesystem.js';
export { reapLeftovers } from './leftovers.js';
export { plugin } from './plugin.js';
export { HostRunner } from './runner.js';

/**
 * Squashfs 4 for VMCraft, in-process: every compression of mksquashfs, fragments, extended attributes.
 *
 * @example
 * ```ts
 * import type { BlockDevice } from '@vmcraft/core';
 * import { squashfsDriver } from '@vmcraft/fs-squashfs';
 *
 * async function list(device: BlockDevice): Promise<void> {
 *   await using fs = await squashfsDriver.open(device, { readonly: true });
 *   for await (const entry of fs.readdir(fs.root)) console.log(entry.name);
 * }
 * ```
 * @packageDocumentation
 */
export { squashfsDriver } from './driver.js';
export { plugin } from './plugin.js';

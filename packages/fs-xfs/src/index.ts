/**
 * XFS for VMCraft, version 4 and 5, read in-process: every form of directory and attribute, checksums verified.
 *
 * @example
 * ```ts
 * import type { BlockDevice } from '@vmcraft/core';
 * import { xfsDriver } from '@vmcraft/fs-xfs';
 *
 * async function list(device: BlockDevice): Promise<void> {
 *   await using fs = await xfsDriver.open(device, { readonly: true });
 *   for await (const entry of fs.readdir(fs.root)) console.log(entry.name);
 * }
 * ```
 * @packageDocumentation
 */
export { xfsDriver } from './driver.js';
export { plugin } from './plugin.js';

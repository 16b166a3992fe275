/**
 * NTFS 3.0 and 3.1 for VMCraft, read and write, in-process.
 *
 * @example
 * ```ts
 * import type { BlockDevice } from '@vmcraft/core/contracts';
 * import { ntfsDriver } from '@vmcraft/fs-ntfs';
 *
 * export async function list(device: BlockDevice): Promise<void> {
 *   await using fs = await ntfsDriver.open(device, { readonly: true });
 *   for await (const entry of fs.readdir(fs.root)) console.log(entry.name);
 * }
 * ```
 * @packageDocumentation
 */
export { ntfsDriver } from './driver.js';
export { plugin } from './plugin.js';
export type { Ace } from './security/ace.js';
export { decodeDescriptor, encodeDescriptor, type SecurityDescriptor } from './security/descriptor.js';
export { descriptorToSddl } from './security/sddl.js';

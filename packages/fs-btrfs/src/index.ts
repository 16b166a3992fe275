/**
 * Btrfs for VMCraft, read in-process: every profile over any number of devices, subvolumes and snapshots, compression, checksums of
 * metadata and contents verified, the log tree replayed virtually.
 *
 * @example
 * ```ts
 * import type { BlockDevice } from '@vmcraft/core';
 * import { btrfsDriver } from '@vmcraft/fs-btrfs';
 *
 * async function list(device: BlockDevice): Promise<void> {
 *   await using fs = await btrfsDriver.open(device, { readonly: true, mountOptions: ['subvol=home'] });
 *   for await (const entry of fs.readdir(fs.root)) console.log(entry.name);
 * }
 * ```
 * @packageDocumentation
 */
export { BtrfsFileSystem } from './btrfs-filesystem.js';
export { MissingDeviceError } from './devices.js';
export { btrfsDriver } from './driver.js';
export { plugin } from './plugin.js';
export { listSubvolumes } from './subvolumes.js';

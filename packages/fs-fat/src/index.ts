/**
 * FAT12, FAT16, FAT32 and exFAT for VMCraft: read, write, format and check, in-process.
 *
 * @example
 * ```ts
 * import { MemoryDevice } from '@vmcraft/core/block';
 * import { fatDriver } from '@vmcraft/fs-fat';
 *
 * const device = new MemoryDevice(64 * 1024 * 1024);
 * await fatDriver.format?.(device, 'vfat', { label: 'ESP' });
 * await using fs = await fatDriver.open(device, { readonly: true });
 * for await (const entry of fs.readdir(fs.root)) console.log(entry.name);
 * ```
 * @packageDocumentation
 */
export { fatDriver } from './driver.js';
export { plugin } from './plugin.js';

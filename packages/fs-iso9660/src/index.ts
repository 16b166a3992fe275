/**
 * ISO 9660 for VMCraft, in-process: Rock Ridge, Joliet, zisofs; El Torito boot images are listed.
 *
 * @example
 * ```ts
 * import type { BlockDevice } from '@vmcraft/core';
 * import { isoDriver, readBootCatalog } from '@vmcraft/fs-iso9660';
 *
 * async function show(disc: BlockDevice): Promise<void> {
 *   await using fs = await isoDriver.open(disc, { readonly: true });
 *   for await (const entry of fs.readdir(fs.root)) console.log(entry.name);
 *   for (const image of await readBootCatalog(disc)) console.log(image.platform, image.emulation);
 * }
 * ```
 * @packageDocumentation
 */
export { type BootImage, readBootCatalog } from './boot-catalog.js';
export { isoDriver } from './driver.js';
export { plugin } from './plugin.js';

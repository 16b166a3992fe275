/**
 * ext2, ext3 and ext4 for VMCraft: read and written in this process, without a kernel mount.
 *
 * @example
 * ```ts
 * import { extDriver } from '@vmcraft/fs-ext';
 *
 * const fs = await extDriver().open(device, { readonly: true });
 * const etc = await fs.lookup(fs.root, 'etc');
 * for await (const entry of fs.readdir(etc!)) console.log(entry.name, entry.type);
 * ```
 *
 * @packageDocumentation
 */
export { checkExt } from './check.js';
export { extDriver } from './driver.js';
export { ExtFileSystem } from './file-system.js';
export { formatExt } from './format.js';
export { plugin } from './plugin.js';

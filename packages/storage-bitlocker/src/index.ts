/**
 * BitLocker volumes for VMCraft: opened with a password, a recovery key, a startup key file or a clear key, in this process.
 *
 * @example
 * ```ts
 * import { GuestFS } from 'vmcraft';
 *
 * const keys = { '/dev/sda2': '471207-278498-422125-177177-561902-537405-468006-693451' };
 * await using g = await GuestFS.open('windows.vhdx', { readonly: true, keys });
 * await g.mountRoot();
 * ```
 * @packageDocumentation
 */
export { bitlockerActivator, MEMBER_TYPE } from './activator.js';
export { plugin } from './plugin.js';

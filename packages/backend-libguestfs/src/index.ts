/**
 * libguestfs as the fallback of VMCraft: its appliance works on the disks of a session, within the session's transaction.
 *
 * @example
 * ```ts
 * import { GuestFS } from 'vmcraft';
 *
 * await using g = await GuestFS.open('phone.img', { backend: 'libguestfs' });
 * await g.mount('/dev/sda1', '/');
 * ```
 *
 * @packageDocumentation
 */
export { applianceActions } from './actions/index.js';
export { Appliance, applianceOf } from './appliance.js';
export { ApplianceDriver } from './driver.js';
export { libraryAvailability } from './host.js';
export { plugin } from './plugin.js';

/**
 * Windows dynamic disks (LDM) for VMCraft: simple, spanned, striped, mirrored and RAID-5 volumes over several disks.
 *
 * @example
 * ```ts
 * import { GuestFS } from 'vmcraft';
 *
 * await using g = await GuestFS.open(['disk1.vhd', 'disk2.vhd'], { readonly: true });
 * await g.mountRo('/dev/mapper/ldm_vol_WIN-Dg0_Volume1', '/');
 * ```
 * @packageDocumentation
 */
export { ldmActions } from './actions/index.js';
export { ldmActivator, MEMBER_TYPE } from './activator.js';
export { plugin } from './plugin.js';

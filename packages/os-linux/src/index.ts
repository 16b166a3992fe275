/**
 * Says which Linux system a disk holds: distribution, version, architecture, mount points, kernels, users and packages, and for each
 * fact the file it came from.
 *
 * @example
 * ```ts
 * import { GuestFS } from 'vmcraft';
 *
 * await using g = await GuestFS.open('debian.qcow2', { readonly: true });
 * const [os] = await g.inspectOsInfo();
 * console.log(os?.productName, os?.hostname);
 * ```
 *
 * @packageDocumentation
 */
export { elfArchitecture } from './architecture.js';
export { LinuxInspector } from './inspector.js';
export { plugin } from './plugin.js';

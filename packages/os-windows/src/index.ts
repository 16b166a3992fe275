/**
 * Windows guests: what is installed and how it is set up, and, for each fact, the hive or file that it came from; their registry,
 * drivers and passwords.
 *
 * @example
 * ```ts
 * import { GuestFS } from 'vmcraft';
 *
 * await using g = await GuestFS.open('windows.qcow2', { readonly: true });
 * const [os] = await g.inspectOsInfo();
 * console.log(os?.productName, os?.windows?.version, os?.hostname);
 * ```
 *
 * @packageDocumentation
 */
export { windowsActions } from './actions/index.js';
export { peArchitecture } from './inspect/architecture.js';
export { WindowsInspector } from './inspect/inspector.js';
export { plugin } from './plugin.js';
export { GuestRegistry, type ListedKey, type RegistryPlace } from './registry/guest-registry.js';
export type { ListedValue } from './registry/registry-value.js';

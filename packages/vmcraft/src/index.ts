/**
 * Opens the disk of a virtual machine that is switched off, says what is on it, and edits it.
 *
 * @example
 * ```ts
 * import { GuestFS } from 'vmcraft';
 *
 * await using g = await GuestFS.open('disk.qcow2', { readonly: true });
 * await g.mountRoot();
 * console.log(await g.read('/etc/hostname'));
 * ```
 *
 * @packageDocumentation
 */
export * from '@vmcraft/core/contracts';
export * from '@vmcraft/core/errors';
export type {
  ActionMethods,
  ActionTable,
  AnyAction,
  PerformanceMetrics,
  SessionEvent,
  SessionEvents,
  StructName,
  StructValue,
} from '@vmcraft/core/guest';
export { arg, defineAction, structs } from '@vmcraft/core/guest';
export {
  type DriveInput,
  type Drives,
  GuestFS,
  GuestFS as NativeGuestFS,
  type GuestFSOptions,
  type InjectDriverOptions,
  type KeyInput,
  type ModifiedFile,
  type OpenOptions,
} from './guestfs.js';
export { defaultPlugins } from './plugins.js';

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
export type { InjectedPackage, InjectionResult, InjectOptions } from './drivers/inject.js';
export { injectDriver } from './drivers/inject-folder.js';
export { type InjectVirtioOptions, injectVirtio } from './drivers/inject-virtio.js';
export { type FirstBootOptions, type FirstBootScript, firstBoot } from './firstboot/firstboot.js';
export { HIVE_SHELL_HELP, HiveShell, type HiveShellResult, type HiveShellStep } from './hive-shell/hive-shell.js';
export {
  decodeInfText,
  describeTarget,
  type InfArchitecture,
  type InfDevice,
  type InfEncoding,
  InfFile,
  type InfFileCopy,
  type InfInstall,
  type InfReadOptions,
  type InfRegChange,
  type InfService,
  type InfTarget,
  type InfVersion,
  readInfInstall,
  readInfModels,
  readInfVersion,
  readSourceFiles,
} from './inf/index.js';
export { peArchitecture } from './inspect/architecture.js';
export { WindowsInspector } from './inspect/inspector.js';
export { plugin } from './plugin.js';
export { type BootPreparation, type PrepareBootOptions, prepareBoot } from './prepare/prepare-boot.js';
export { GuestRegistry, type ListedKey, type RegistryPlace } from './registry/guest-registry.js';
export type { ListedValue } from './registry/registry-value.js';
export { type ResetPasswordOptions, resetPassword } from './sam/reset-password.js';
export { type StartType, setService } from './services/set-service.js';
export type { BootBus } from './verify/buses.js';
export { type BootReport, type BusReport, type DeviceReport, verifyDrivers } from './verify/verify-drivers.js';
export type { RegistryChange } from './volume/registry-editor.js';

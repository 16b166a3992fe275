export { type DoctorEntry, examineHost } from './doctor.js';
export { nodeCiphers } from './node-ciphers.js';
export { NodeHostFiles, type NodeHostFilesOptions } from './node-host-files.js';
export { NodePlatform } from './node-platform.js';
export { addPluginActions, type OpenedGuest, type OpenGuestOptions, openGuest } from './open-guest.js';
export { type DiscoveryPlaces, discoverPlugins, type VmcraftConfig } from './plugin-discovery.js';
export { PluginRegistry } from './registry.js';
export {
  abilitiesFor,
  type ProviderRequirement,
  type RankedProvider,
  type Selection,
  type SelectionHints,
  selectProviders,
} from './selection.js';

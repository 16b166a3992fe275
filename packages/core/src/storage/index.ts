/**
 * Storage stacks: what lies on a device by its signature, and the discovery of partitions and volumes to any depth.
 *
 * @packageDocumentation
 */
export {
  type DiskReference,
  diskName,
  driveIndex,
  driveLetters,
  parseDiskName,
  partitionName,
} from './device-names.js';
export type { DeviceKind, DiscoveredDevice, DiskInput } from './discovered-device.js';
export { type ProbeOptions, probeSignature, probeSignatures, SIGNATURE_TYPES } from './signatures/probe.js';
export type { SignatureMatch, SignatureUsage } from './signatures/signature.js';
export { wipeSignatures } from './signatures/wipe.js';
export {
  type ActivatorFilter,
  DEFAULT_DISCOVERY_LIMITS,
  type DiscoveryLimits,
  type DiscoveryOptions,
  StorageTree,
} from './storage-tree.js';

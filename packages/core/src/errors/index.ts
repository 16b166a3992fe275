export { CapabilityError, CredentialError, HostError, LockedError } from './access.js';
export { type ErrorData, isVmcraftError, messageOf, VmcraftError, type VmcraftErrorInit } from './base.js';
export { CommandError } from './command.js';
export { FS_ERROR_TEXT, FsError, type FsErrorCode } from './fs-error.js';
export {
  CorruptImageError,
  type CorruptionDetails,
  LimitExceededError,
  TruncatedImageError,
  UnsupportedFeatureError,
} from './image.js';
export {
  AbortedError,
  type CandidateReason,
  InternalError,
  NoProviderError,
  PluginError,
  UsageError,
} from './provider.js';

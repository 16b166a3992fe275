export * from './action.js';
export { ActionTable } from './action-table.js';
export { basicActions } from './actions/basic.js';
export { unavailable } from './actions/unavailable.js';
export { changeDevice } from './device-changes.js';
export { bindActions, callAction } from './dispatch.js';
export { type AddDriveOptions, type Drive, driveSpec } from './drives.js';
export { EventHub, type SessionEvent, type SessionEvents } from './events.js';
export { bytesFrom, pourInto } from './host-bytes.js';
export { type KeyPrompt, SessionKeys } from './key-store.js';
export { formatMountable, type Mountable as ParsedMountable, parseMountable } from './mountable.js';
export type { GuestMountRequest, GuestMounts } from './mounts.js';
export type { PerformanceMetrics, PhaseMetrics } from './performance.js';
export { type LineMatcher, lineMatcher, type PatternOptions } from './regex/line-matcher.js';
export { withSecret } from './remote-drive.js';
export type {
  FilesystemRequest,
  FilesystemSupport,
  SessionServices,
  SessionTransaction,
} from './services.js';
export { Session, type SessionOptions, type SessionState } from './session.js';
export type { SessionSettings } from './settings.js';
export { type StructFieldType, type StructName, type StructValue, structs } from './structs.js';
export { windowsPath } from './windows-path.js';
export { isWindowsPath } from './windows-syntax.js';

import type { BlockBackend } from './backend.js';
import type { TreeRunner } from './command.js';
import type { FsDriver } from './filesystem.js';
import type { OsInspector } from './os.js';
import type { StorageActivator } from './storage.js';

/** What a provider does with a format or type. */
export type Ability =
  | 'read'
  | 'write'
  | 'create'
  | 'format'
  | 'check'
  | 'xattr'
  | 'resize'
  | 'exec'
  | 'inspect'
  | 'activate';

/** What a provider can do, as data: for selection, `vmcraft plugins` and the support matrix. */
export interface Capabilities {
  /** By image format, file-system type, member type or OS type: what can be done with it. `*` stands for anything. */
  readonly supports: Readonly<Record<string, readonly Ability[]>>;
  /** URI schemes of a backend; `file` for host paths. */
  readonly schemes?: readonly string[];
  /** Of activators: whole disks with a partition table may be members too. */
  readonly claimsPartitioned?: boolean;
  /** Programs, packages or kernel features of the host that it needs; empty for in-process ones. */
  readonly hostRequirements?: readonly string[];
}

/** Fields of every descriptor. */
interface DescriptorBase {
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  /** Higher is preferred; in-process providers are around 100, external processes 50, appliances 10. */
  readonly rank: number;
  readonly capabilities: Capabilities;
}

export interface BackendDescriptor extends DescriptorBase {
  readonly kind: 'backend';
  load(): Promise<BlockBackend>;
}
export interface StorageDescriptor extends DescriptorBase {
  readonly kind: 'storage';
  load(): Promise<StorageActivator>;
}
export interface FilesystemDescriptor extends DescriptorBase {
  readonly kind: 'filesystem';
  load(): Promise<FsDriver>;
}
export interface OsDescriptor extends DescriptorBase {
  readonly kind: 'os';
  load(): Promise<OsInspector>;
}
export interface RunnerDescriptor extends DescriptorBase {
  readonly kind: 'runner';
  load(): Promise<TreeRunner>;
}
/** Further actions for the guest session; the table's own type belongs to core/guest. */
export interface ActionsDescriptor extends DescriptorBase {
  readonly kind: 'actions';
  /** Only for what no other plugin has, or what cannot be done in this process: actions of a name that is taken stand in for it. */
  readonly fallback?: boolean;
  load(): Promise<readonly unknown[]>;
}

/** One thing a plugin provides. `load()` is lazy: nothing heavy is imported before it is needed. */
export type ProviderDescriptor =
  | BackendDescriptor
  | StorageDescriptor
  | FilesystemDescriptor
  | OsDescriptor
  | RunnerDescriptor
  | ActionsDescriptor;

/** Kinds of providers. */
export type ProviderKind = ProviderDescriptor['kind'];

/** A package of providers. Its npm package names its module in `package.json` under `vmcraft.plugin`. */
export interface VmcraftPlugin {
  readonly name: string;
  readonly apiVersion: 1;
  readonly providers: readonly ProviderDescriptor[];
}

/** Declare a plugin; gives the literal back with its type checked. */
export function definePlugin<const P extends VmcraftPlugin>(plugin: P): P {
  return plugin;
}

import type { HostPlatform, VmcraftPlugin } from '../contracts/index.js';
import { ActionTable, type AnyAction, type Session } from '../guest/index.js';
import { guestContainer, TOKENS } from './container.js';
import type { PluginRegistry } from './registry.js';

/** How to make a guest session. */
export interface OpenGuestOptions {
  /** Plugins to choose from. */
  readonly plugins?: readonly VmcraftPlugin[];
  /** Instead of `plugins`: a registry that several guests share, so that providers load once. */
  readonly registry?: PluginRegistry;
  /** Actions besides those that plugins add. */
  readonly actions?: readonly AnyAction[];
  /** Name of the only backend to consider: `image`, `nbd`, `libguestfs`. */
  readonly backend?: string;
  /** Never commit what is written. */
  readonly dryRun?: boolean;
  /** Folders, besides an image's own, where files that an image names may lie. */
  readonly allowReferences?: readonly string[];
  /** Folder for transaction journals, where the image's own will not do. */
  readonly journalFolder?: string;
  /** Bytes of changes kept in memory before they go to a private temporary file. */
  readonly memoryLimit?: number;
  readonly platform?: HostPlatform;
}

/** A session and the actions it has. */
export interface OpenedGuest {
  readonly session: Session;
  readonly actions: ActionTable;
  readonly registry: PluginRegistry;
}

/** Compose a session: plugins, host, transaction. No drive is opened yet. @throws PluginError */
export function openGuest(options: OpenGuestOptions): OpenedGuest {
  const container = guestContainer(options);
  const registry = container.resolve(TOKENS.registry);
  return { session: container.resolve(TOKENS.session), actions: new ActionTable(options.actions), registry };
}

/** Add the actions that plugins bring. Loads those plugins. @throws PluginError when a name is taken */
export async function addPluginActions(guest: OpenedGuest): Promise<void> {
  const descriptors = guest.registry.candidates('actions');
  for (const descriptor of [...descriptors.filter((d) => !d.fallback), ...descriptors.filter((d) => d.fallback)]) {
    const actions = (await guest.registry.load(descriptor)) as readonly AnyAction[];
    const plugin = guest.registry.pluginOf(descriptor) ?? descriptor.name;
    if (descriptor.fallback === true) {
      for (const action of guest.actions.addFallbacks(plugin, actions)) {
        guest.session.alternatives.set(action.name, action);
      }
      continue;
    }
    guest.actions.add(plugin, actions);
    for (const { group } of actions) if (group !== undefined) guest.session.features.add(group);
  }
}

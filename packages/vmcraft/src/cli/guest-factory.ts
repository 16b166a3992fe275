import type { VmcraftPlugin, Warning } from '@vmcraft/core/contracts';
import { type AnyAction, callAction, type SessionEvent, type SessionEvents } from '@vmcraft/core/guest';
import { type OpenedGuest as ComposedGuest, discoverPlugins, openGuest } from '@vmcraft/core/runtime';
import { defaultPlugins } from '../plugins.js';
import type { GuestSettings, OpenedGuest } from './shell/guest.js';

/** A session behind the interface that the shell works with. */
class SessionGuest implements OpenedGuest {
  readonly #guest: ComposedGuest;

  constructor(guest: ComposedGuest) {
    this.#guest = guest;
  }

  get session(): ComposedGuest['session'] {
    return this.#guest.session;
  }

  get registry(): ComposedGuest['registry'] {
    return this.#guest.registry;
  }

  get actions(): ComposedGuest['actions'] {
    return this.#guest.actions;
  }

  get dirty(): boolean {
    return this.session.services.transaction.dirty;
  }

  invoke(action: AnyAction, args: readonly unknown[], options: Readonly<Record<string, unknown>>): Promise<unknown> {
    const given = Object.keys(options).length === 0 ? args : [...args, options];
    return callAction(this.session, action, given);
  }

  cancel(): void {
    this.session.cancel();
  }

  /** Warnings that came before somebody listened, as those about plugins do, are told at once. */
  on<E extends SessionEvent>(event: E, listener: (payload: SessionEvents[E]) => void): void {
    if (event === 'warning') for (const warning of this.session.warnings) listener(warning as SessionEvents[E]);
    this.session.events.on(event, listener);
  }

  addKey(secret: string | Uint8Array, selector: string | undefined): void {
    this.session.keys.add(secret, selector);
  }

  rollback(): Promise<void> {
    return this.session.rollback();
  }

  close(): Promise<void> {
    return this.session.close();
  }
}

/** Plugins found on this host, looked for once. */
let discovered: Promise<{ plugins: readonly VmcraftPlugin[]; warnings: readonly Warning[] }> | undefined;

async function discover(
  config: string | undefined,
): Promise<{ plugins: readonly VmcraftPlugin[]; warnings: readonly Warning[] }> {
  const warnings: Warning[] = [];
  const warn = (warning: Warning): void => void warnings.push(warning);
  const places = { folder: process.cwd(), present: defaultPlugins, warn };
  const plugins = await discoverPlugins(config === undefined ? places : { ...places, config });
  return { plugins, warnings };
}

/** What the CLI works with beside the settings. */
export interface CliGuestParts {
  readonly actions: readonly AnyAction[];
  /** Called when the session is composed, before it is used. */
  prepare?(guest: ComposedGuest): Promise<void>;
}

/** Open a session with the default plugins and those installed beside. */
export async function openCliGuest(settings: GuestSettings, parts: CliGuestParts): Promise<OpenedGuest> {
  const { backend, dryRun, config } = settings;
  discovered ??= discover(config);
  const { plugins, warnings } = await discovered;
  const guest = openGuest({
    plugins: [...defaultPlugins, ...plugins],
    actions: parts.actions,
    dryRun,
    ...(backend === undefined ? {} : { backend }),
  });
  await parts.prepare?.(guest);
  for (const warning of warnings) guest.session.warn(warning);
  return new SessionGuest(guest);
}

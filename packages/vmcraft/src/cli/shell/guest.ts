import type { ActionTable, AnyAction, Session, SessionEvent, SessionEvents } from '@vmcraft/core/guest';
import type { PluginRegistry } from '@vmcraft/core/runtime';

/** What the shell needs of a guest session. */
export interface ShellGuest {
  readonly actions: ActionTable;
  /** Run an action with values of the types it declares. */
  invoke(action: AnyAction, args: readonly unknown[], options: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Cancel the action that runs now. */
  cancel(): void;
  /** Listen to what the session tells. */
  on<E extends SessionEvent>(event: E, listener: (payload: SessionEvents[E]) => void): void;
  /** Give a passphrase. `selector` is a device or UUID; undefined for any. */
  addKey(secret: string | Uint8Array, selector: string | undefined): void;
  /** Whether something was written and not committed. */
  readonly dirty: boolean;
  /** Drop everything written since the last commit, and close. */
  rollback(): Promise<void>;
  /** Commit, and close. */
  close(): Promise<void>;
}

/** A session with what task commands need besides. */
export interface OpenedGuest extends ShellGuest {
  readonly session: Session;
  readonly registry: PluginRegistry;
}

/** How a guest session is opened for the shell or a task. */
export interface GuestSettings {
  /** Prefer this backend. */
  readonly backend?: string;
  /** Never commit. */
  readonly dryRun: boolean;
  /** Open for writing although another process holds the image. */
  readonly force: boolean;
  /** Configuration file that names plugins; `vmcraft.config.*` of the current folder unless given. */
  readonly config?: string;
}

/** Opens sessions; the CLI gets it handed so that tests can give their own. */
export type GuestFactory = (settings: GuestSettings) => Promise<OpenedGuest>;

/**
 * Call an action by its guestfs name with positional arguments.
 * @throws UsageError when there is no such action
 */
export async function call<T = unknown>(guest: ShellGuest, name: string, ...args: readonly unknown[]): Promise<T> {
  return (await guest.invoke(guest.actions.get(name), args, {})) as T;
}

/** As {@link call}, with optional arguments. */
export async function callWith<T = unknown>(
  guest: ShellGuest,
  name: string,
  args: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): Promise<T> {
  return (await guest.invoke(guest.actions.get(name), args, options)) as T;
}

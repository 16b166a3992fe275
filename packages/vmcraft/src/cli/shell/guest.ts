import type { ProgressSink, WarningSink } from '@vmcraft/core/contracts';
import type { ActionTable, AnyAction } from '@vmcraft/core/guest';

/** What the shell needs of a guest session. */
export interface ShellGuest {
  readonly actions: ActionTable;
  /** Run an action with values of the types it declares. */
  invoke(
    action: AnyAction,
    args: readonly unknown[],
    options: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
  ): Promise<unknown>;
  /** Drop everything written since the last commit, and close. */
  rollback(): Promise<void>;
  /** Commit, and close. */
  close(): Promise<void>;
}

/** How a guest session is opened for the shell or a task. */
export interface GuestSettings {
  /** Prefer this backend. */
  readonly backend?: string;
  /** Never commit. */
  readonly dryRun: boolean;
  /** Open for writing although another process holds the image. */
  readonly force: boolean;
  readonly progress?: ProgressSink;
  readonly warn?: WarningSink;
}

/** Opens sessions; the CLI gets it handed so that tests can give their own. */
export type GuestFactory = (settings: GuestSettings) => Promise<ShellGuest>;

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

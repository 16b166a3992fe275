import { isVmcraftError } from '@vmcraft/core/errors';

/** Exit codes of task commands and `--run`: one per class of error, so that scripts need not read messages. */
export const EXIT = {
  ok: 0,
  /** A command of a script failed (as guestfish), or an error without a class of its own. */
  failure: 1,
  usage: 2,
  host: 3,
  corrupt: 4,
  truncated: 5,
  unsupported: 6,
  limit: 7,
  capability: 8,
  credential: 9,
  noProvider: 10,
  plugin: 11,
  locked: 12,
  guestFile: 13,
  noOperatingSystem: 14,
  bug: 70,
  interrupted: 130,
  brokenPipe: 141,
  terminated: 143,
} as const;

/** Ends a task with the exit status of a program that it ran; there is nothing more to say. */
export class ExitStatus extends Error {
  constructor(readonly status: number) {
    super(`status ${status}`);
  }
}

/** By the stable code of an error. Codes of errno(3) that guest files give are not listed: they all mean `guestFile`. */
const BY_CODE: Readonly<Record<string, number>> = {
  VMC_USAGE: EXIT.usage,
  VMC_HOST: EXIT.host,
  VMC_CORRUPT: EXIT.corrupt,
  VMC_TRUNCATED: EXIT.truncated,
  VMC_UNSUPPORTED: EXIT.unsupported,
  VMC_LIMIT: EXIT.limit,
  VMC_READ_ONLY: EXIT.capability,
  VMC_NO_CAPABILITY: EXIT.capability,
  VMC_KEY_REQUIRED: EXIT.credential,
  VMC_KEY_WRONG: EXIT.credential,
  VMC_NO_PROVIDER: EXIT.noProvider,
  VMC_PLUGIN_LOAD: EXIT.plugin,
  VMC_PLUGIN_CONFLICT: EXIT.plugin,
  VMC_LOCKED: EXIT.locked,
  VMC_NO_OS: EXIT.noOperatingSystem,
  VMC_ABORTED: EXIT.interrupted,
  VMC_BROKEN_PIPE: EXIT.brokenPipe,
  VMC_BUG: EXIT.bug,
};

/** The exit code for anything thrown. */
export function exitCodeOf(thrown: unknown): number {
  if (!isVmcraftError(thrown)) return EXIT.bug;
  if (/^E[A-Z0-9]+$/.test(thrown.code)) return EXIT.guestFile;
  return BY_CODE[thrown.code] ?? EXIT.failure;
}

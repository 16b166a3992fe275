import { VmcraftError } from '@vmcraft/core/errors';

/**
 * A mistake in a command line of the shell. Its text is printed as it is, the way guestfish prints it:
 * `use 'lcd directory' to change local directory`.
 */
export class ShellError extends VmcraftError {
  /** Whether the text follows the program's name and a colon. */
  readonly named: boolean;

  constructor(message: string, options: { named?: boolean; cause?: unknown } = {}) {
    super({ code: 'VMC_USAGE', message, cause: options.cause });
    this.named = options.named ?? false;
  }
}

/** A mistake that guestfish reports with its own name in front: `guestfish: unterminated double quote`. */
export function syntaxError(message: string): ShellError {
  return new ShellError(message, { named: true });
}

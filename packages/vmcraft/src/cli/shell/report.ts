import { isVmcraftError, messageOf } from '@vmcraft/core/errors';
import { ShellError } from '../language/shell-error.js';
import { describeChain, describeError, errorToJson } from '../output/error-report.js';
import { exitCodeOf } from '../output/exit-codes.js';
import type { Shell } from './shell.js';

const LAUNCH_HINT = "(in guestfish, don't forget to use the 'run' command)";

/** Print an error of a command the way guestfish does, or as JSON. */
export async function reportShellError(shell: Shell, error: unknown): Promise<void> {
  const { settings, errors } = shell;
  if (settings.json) {
    if (error instanceof ShellError && error.message === '') return;
    await errors.write(`${errorToJson(error, exitCodeOf(error))}\n`);
    return;
  }
  if (error instanceof ShellError) {
    if (error.message === '') return;
    await errors.write(`${error.named ? `${settings.personality.name}: ` : ''}${error.message}\n`);
    return;
  }
  await errors.write(`${location(shell)}${settings.personality.errorPrefix}${text(shell, error)}\n`);
  if (settings.verbose) await errors.write(`${describeChain(error)}\n`);
}

function text(shell: Shell, error: unknown): string {
  if (!shell.settings.personality.guestfish) return describeError(error);
  const message = messageOf(error);
  const beforeLaunch = isVmcraftError(error) && /\blaunch\b/.test(message) && error.code === 'VMC_USAGE';
  return beforeLaunch ? `${message}\n${LAUNCH_HINT}` : message;
}

/** `script.gf:12: ` while a script is read. */
function location(shell: Shell): string {
  return shell.input === undefined || shell.settings.interactive ? '' : `${shell.input.name}:${shell.input.line}: `;
}

import type { Progress, Warning } from '@vmcraft/core/contracts';
import { isVmcraftError } from '@vmcraft/core/errors';
import type { EventName } from './events.js';
import type { Shell } from './shell.js';

/** Show what the shell's guest tells: its trace, warnings and progress, and the scripts that listen to events. */
export function followGuest(shell: Shell): void {
  const { guest } = shell;
  guest.on('trace', (line) => trace(shell, line));
  guest.on('library', (text) => {
    if (shell.settings.verbose) print(shell, text);
    shell.events.raise('library', [text]);
  });
  guest.on('warning', (warning) => warn(shell, warning));
  guest.on('progress', (progress) => {
    shell.progress?.update(progress);
    shell.events.raise('progress', progressParameters(progress));
  });
  for (const event of ['launch_done', 'close'] as const) guest.on(event, () => shell.events.raise(event, []));
  guest.on('enter', (action) => shell.events.raise('enter', [action]));
}

function print(shell: Shell, text: string): void {
  const label = shell.settings.personality.guestfish ? 'libguestfs' : 'vmcraft';
  void shell.errors.write(`${label}: ${text}\n`);
}

/** A script that listens to the trace gets it instead of standard error. */
function trace(shell: Shell, line: string): void {
  if (shell.events.listensTo('trace')) shell.events.raise('trace', [line]);
  else print(shell, `trace: ${line}`);
}

function warn(shell: Shell, { source, message, cause }: Warning): void {
  // guestfish says nothing of containers that nobody has opened yet.
  const isLocked = isVmcraftError(cause) && cause.code === 'VMC_KEY_REQUIRED';
  if (isLocked && shell.settings.personality.guestfish) return;
  const event: EventName = 'warning';
  if (shell.events.listensTo(event)) shell.events.raise(event, [`${source}: ${message}`]);
  else if (!shell.settings.json) print(shell, `warning: ${source}: ${message}`);
}

/** As guestfs passes them: procedure, serial, position, total. */
function progressParameters({ done, total }: Progress): string[] {
  return ['0', '0', String(done), String(total ?? done)];
}

import { parseShellOptions, type ShellOptions } from './options/shell-options.js';
import { EXIT } from './output/exit-codes.js';
import { isBrokenPipe } from './output/output.js';
import type { Personality } from './personality.js';
import type { GuestFactory } from './shell/guest.js';
import { openGuest } from './shell/open-guest.js';
import { openScript, runCommandWords, runScript, stdinScript } from './shell/script.js';
import type { LineOutcome, Shell } from './shell/shell.js';
import { makeShell, reportOpenError, reportStartError, ShellEnding } from './shell-session.js';
import { rollBackOnSignals } from './signals.js';

/** Run the shell with a command line; the exit code. */
export async function shellMain(
  argv: readonly string[],
  personality: Personality,
  factory: GuestFactory,
): Promise<number> {
  let options: ShellOptions;
  try {
    const request = parseShellOptions(argv);
    if (request.kind !== 'shell') {
      return await (await import('./shell-information.js')).showInformation(request, personality, factory);
    }
    options = request.options;
  } catch (error) {
    return reportStartError(error, personality);
  }
  for (const warning of options.warnings) process.stderr.write(`${personality.name}: warning: ${warning}\n`);
  if (options.listen || options.remote !== undefined) {
    return (await import('./remote/remote-main.js')).remoteMain(argv, options, personality, factory);
  }
  return runShell(options, personality, factory);
}

async function runShell(options: ShellOptions, personality: Personality, factory: GuestFactory): Promise<number> {
  let shell: Shell;
  try {
    shell = await makeShell(options, personality, factory);
  } catch (error) {
    return reportStartError(error, personality, options.json);
  }
  const ending = new ShellEnding(shell);
  const release = rollBackOnSignals(ending, { ignoresInterrupt: shell.settings.interactive });
  try {
    await openGuest(shell, options);
    return await ending.finish(await runWork(shell, options), options.run.length > 0);
  } catch (error) {
    await ending.rollback().catch(() => {});
    return isBrokenPipe(error) ? EXIT.brokenPipe : reportOpenError(shell, error);
  } finally {
    release();
  }
}

/** `--run` commands, then those of the command line, or a script, or a person. */
async function runWork(shell: Shell, options: ShellOptions): Promise<LineOutcome> {
  for (const line of options.run) {
    const outcome = await shell.runLine(line);
    if (!outcome.ok || shell.quit) return outcome;
  }
  if (options.commands.length > 0) return runCommandWords(shell, options.commands);
  if (options.run.length > 0) return { ok: true };
  if (options.script !== undefined) return runScript(shell, await openScript(options.script));
  if (!shell.settings.interactive) return runScript(shell, stdinScript());
  await (await import('./shell/interactive.js')).runInteractive(shell);
  return { ok: true };
}

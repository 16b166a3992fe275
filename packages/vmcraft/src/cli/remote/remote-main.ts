import { ActionTable } from '@vmcraft/core/guest';
import type { ShellOptions } from '../options/shell-options.js';
import { EXIT } from '../output/exit-codes.js';
import { StreamOutput } from '../output/output.js';
import type { Personality } from '../personality.js';
import type { GuestFactory, ShellGuest } from '../shell/guest.js';
import { TerminalKeyReader } from '../shell/key-reader.js';
import { MetaCommands } from '../shell/meta-command.js';
import { openGuest } from '../shell/open-guest.js';
import { openScript, runCommandWords, runScript, stdinScript } from '../shell/script.js';
import { type LineOutcome, Shell } from '../shell/shell.js';
import { makeShell, reportOpenError, reportStartError, ShellEnding } from '../shell-session.js';
import { rollBackOnSignals } from '../signals.js';
import { RemoteClient } from './client.js';
import { announceReady, isServerProcess, startServer } from './daemon.js';
import { serveRemote } from './server.js';

/** `--listen` and `--remote`; the exit code. */
export async function remoteMain(
  argv: readonly string[],
  options: ShellOptions,
  personality: Personality,
  factory: GuestFactory,
): Promise<number> {
  try {
    if (!options.listen) return await runClient(options, personality);
    return isServerProcess() ? await runServer(options, personality, factory) : await listen(argv, options);
  } catch (error) {
    return reportStartError(error, personality, options.json);
  }
}

/** Start the server and print what `eval` wants. */
async function listen(argv: readonly string[], options: ShellOptions): Promise<number> {
  const started = await startServer(argv);
  if ('exitCode' in started) return started.exitCode === 0 ? EXIT.failure : started.exitCode;
  process.stdout.write(
    options.csh ? `setenv GUESTFISH_PID ${started.pid}\n` : `GUESTFISH_PID=${started.pid}; export GUESTFISH_PID\n`,
  );
  return EXIT.ok;
}

async function runServer(options: ShellOptions, personality: Personality, factory: GuestFactory): Promise<number> {
  const shell = await makeShell(options, personality, factory);
  const ending = new ShellEnding(shell);
  const release = rollBackOnSignals(ending, { ignoresInterrupt: false });
  try {
    await openGuest(shell, options);
  } catch (error) {
    await ending.rollback().catch(() => {});
    return reportOpenError(shell, error);
  }
  let code: number = EXIT.ok;
  const { ok } = await serveRemote(shell, announceReady, async (fine) => {
    code = await ending.finish({ ok: fine }, false);
  });
  release();
  return ok ? code : EXIT.failure;
}

/** A guest that is not here: every command goes to the server. */
const NO_GUEST: ShellGuest = {
  actions: new ActionTable(),
  dirty: false,
  invoke: () => Promise.reject(new Error('the guest is in the server')),
  cancel() {},
  on() {},
  addKey() {},
  rollback: async () => {},
  close: async () => {},
};

async function runClient(options: ShellOptions, personality: Personality): Promise<number> {
  const interactive = options.commands.length === 0 && options.script === undefined && process.stdin.isTTY === true;
  const { json, dryRun, force, pipeError, keysFromStdin, echoKeys, autosync, verbose } = options;
  const shell = new Shell({
    guest: NO_GUEST,
    reopen: async () => NO_GUEST,
    remote: new RemoteClient(options.remote!),
    settings: {
      personality,
      interactive,
      json,
      dryRun,
      force,
      pipeError,
      keysFromStdin,
      echoKeys,
      completeGuestPaths: false,
      autosync,
      verbose,
    },
    meta: new MetaCommands([]),
    keys: new TerminalKeyReader({ echo: echoKeys }),
    output: new StreamOutput(process.stdout),
    errors: new StreamOutput(process.stderr),
  });
  const outcome = await runClientWork(shell, options);
  return outcome.ok ? EXIT.ok : EXIT.failure;
}

async function runClientWork(shell: Shell, options: ShellOptions): Promise<LineOutcome> {
  if (options.commands.length > 0) return runCommandWords(shell, options.commands);
  if (options.script !== undefined) return runScript(shell, await openScript(options.script));
  if (!shell.settings.interactive) return runScript(shell, stdinScript());
  await (await import('../shell/interactive.js')).runInteractive(shell);
  return { ok: true };
}

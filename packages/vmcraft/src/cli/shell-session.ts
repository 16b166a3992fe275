import { VmcraftError } from '@vmcraft/core/errors';
import { ShellError } from './language/shell-error.js';
import { readKey } from './options/key-selector.js';
import type { ShellOptions } from './options/shell-options.js';
import { describeChain, describeError, errorToJson } from './output/error-report.js';
import { EXIT, exitCodeOf } from './output/exit-codes.js';
import { isBrokenPipe, StreamOutput } from './output/output.js';
import { ProgressBar } from './output/progress-bar.js';
import type { Personality } from './personality.js';
import type { GuestFactory, ShellGuest } from './shell/guest.js';
import { type KeyReader, StdinKeyReader, TerminalKeyReader } from './shell/key-reader.js';
import { metaCommands } from './shell/meta/index.js';
import { type LineOutcome, Shell } from './shell/shell.js';
import type { Undoable } from './signals.js';

/** How long work runs before a progress bar appears, as in guestfish. */
const PROGRESS_DELAY_MS = 2000;

/** Make the shell that the options describe, with an empty guest. */
export async function makeShell(
  options: ShellOptions,
  personality: Personality,
  factory: GuestFactory,
): Promise<Shell> {
  const interactive =
    options.commands.length === 0 &&
    options.run.length === 0 &&
    options.script === undefined &&
    process.stdin.isTTY === true &&
    !options.listen;
  const { json, dryRun, force, pipeError, keysFromStdin, echoKeys, completeGuestPaths, autosync, verbose } = options;
  const errors = new StreamOutput(process.stderr);
  const keys = keysFromStdin ? new StdinKeyReader() : new TerminalKeyReader({ echo: echoKeys });
  const open = (): Promise<ShellGuest> => openConfigured(options, factory, keys);
  const shell = new Shell({
    guest: await open(),
    reopen: open,
    settings: {
      personality,
      interactive,
      json,
      dryRun,
      force,
      pipeError,
      keysFromStdin,
      echoKeys,
      completeGuestPaths,
      autosync,
      verbose,
    },
    meta: metaCommands(),
    keys,
    output: new StreamOutput(process.stdout),
    errors,
  });
  if (options.progressBars ?? interactive) {
    shell.progress = new ProgressBar(process.stderr, { delayMs: PROGRESS_DELAY_MS });
  }
  return shell;
}

/** A session with the settings and keys of the command line. */
async function openConfigured(options: ShellOptions, factory: GuestFactory, keys: KeyReader): Promise<ShellGuest> {
  const { backend, dryRun, force } = options;
  const guest = await factory({ dryRun, force, ...(backend === undefined ? {} : { backend }) });
  for (const selector of options.keys) {
    guest.addKey(await readKey(selector), selector.id === 'all' ? undefined : selector.id);
  }
  // As guestfish does: with -i, whatever is locked is asked for.
  if (options.inspect && (options.keysFromStdin || process.stdin.isTTY)) {
    guest.session.keys.prompt = ([device = 'key']) => keys.read(device);
  }
  const invoke = (name: string, ...args: unknown[]): Promise<unknown> =>
    guest.invoke(guest.actions.get(name), args, {});
  await invoke('parse_environment');
  if (options.trace) await invoke('set_trace', true);
  if (options.verbose) await invoke('set_verbose', true);
  if (!options.autosync) await invoke('set_autosync', false);
  return guest;
}

/** An error of the command line itself. */
export function reportStartError(error: unknown, personality: Personality, json = false): number {
  const code = personality.guestfish ? EXIT.failure : exitCodeOf(error);
  if (isBrokenPipe(error)) return EXIT.brokenPipe;
  if (json) process.stderr.write(`${errorToJson(error, code)}\n`);
  else process.stderr.write(`${personality.name}: ${describeError(error)}\n`);
  const usage = error instanceof VmcraftError && error.code === 'VMC_USAGE' && !(error instanceof ShellError);
  if (usage && !json) process.stderr.write(`Try ‘${personality.name} --help’ for more information.\n`);
  return code;
}

/** An error while drives were added, launched and mounted. */
export function reportOpenError(shell: Shell, error: unknown): number {
  const { personality, json, verbose } = shell.settings;
  if (error instanceof ShellError || json) return reportStartError(error, personality, json);
  const code = personality.guestfish ? EXIT.failure : exitCodeOf(error);
  const prefix =
    error instanceof VmcraftError && /^(access|open): /.test(error.message)
      ? `${personality.name}: `
      : personality.errorPrefix;
  process.stderr.write(`${prefix}${describeError(error)}\n`);
  if (verbose) process.stderr.write(`${describeChain(error)}\n`);
  return code;
}

/** Commits or rolls back at the end of a shell. */
export class ShellEnding implements Undoable {
  finishing = false;
  readonly #shell: Shell;

  constructor(shell: Shell) {
    this.#shell = shell;
  }

  async rollback(): Promise<void> {
    this.#shell.cancel();
    await this.#shell.guest.rollback();
  }

  /**
   * Close the guest after the work: commit when it went well. Under guestfish's name what was written before an error stays, as
   * guestfish does it; otherwise an error drops it.
   * @param byClass whether the exit code tells the class of the error
   */
  async finish(outcome: LineOutcome, byClass: boolean): Promise<number> {
    const { guest, settings } = this.#shell;
    const failed = byClass ? exitCodeOf(outcome.error) : EXIT.failure;
    const keep = outcome.ok || settings.personality.guestfish;
    try {
      if (keep && settings.dryRun) await this.#tellDryRun();
      if (!keep && guest.dirty) await this.#tell('the changes of this run were dropped: nothing was written');
      this.finishing = keep;
      await (keep ? guest.close() : guest.rollback());
    } catch (error) {
      const code = reportOpenError(this.#shell, error);
      return outcome.ok ? code : failed;
    } finally {
      this.finishing = false;
      await this.#shell.events.settle();
    }
    return outcome.ok ? EXIT.ok : failed;
  }

  #tellDryRun(): Promise<void> {
    return this.#tell(
      this.#shell.guest.dirty
        ? 'dry run: the changes of this run were not written'
        : 'dry run: there was nothing to write',
    );
  }

  async #tell(text: string): Promise<void> {
    const { errors, settings } = this.#shell;
    if (settings.json) await errors.write(`${JSON.stringify({ note: text })}\n`);
    else await errors.write(`${settings.personality.name}: ${text}\n`);
  }
}

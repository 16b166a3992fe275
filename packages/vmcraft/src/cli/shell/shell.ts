import { encodeFileName } from '@vmcraft/core/binary';
import { UsageError } from '@vmcraft/core/errors';
import { type AnyAction, commandName } from '@vmcraft/core/guest';
import { type CommandLine, parseCommandLine } from '../language/command-line.js';
import { ShellError } from '../language/shell-error.js';
import { toJsonValue } from '../output/json-value.js';
import { isBrokenPipe, MemoryOutput, type Output } from '../output/output.js';
import { printResult } from '../output/printer.js';
import type { ProgressBar } from '../output/progress-bar.js';
import type { RemoteClient } from '../remote/client.js';
import { convertArguments } from './arguments.js';
import { EventHandlers } from './events.js';
import { callWith, type ShellGuest } from './guest.js';
import { followGuest } from './guest-events.js';
import type { KeyReader } from './key-reader.js';
import type { ScriptInput } from './line-source.js';
import { captureLocal, homeOf, PipedOutput, runLocal } from './local-command.js';
import type { MetaCommands } from './meta-command.js';
import { reportShellError } from './report.js';
import type { ShellSettings } from './settings.js';
import { resolveWindowsPath } from './windows-path.js';

/** What a line did. */
export interface LineOutcome {
  /** False when the command failed and had no `-` in front. */
  readonly ok: boolean;
  readonly error?: unknown;
}

/** What a shell is made of. */
export interface ShellParts {
  readonly guest: ShellGuest;
  readonly reopen: () => Promise<ShellGuest>;
  readonly settings: ShellSettings;
  readonly meta: MetaCommands;
  readonly keys: KeyReader;
  /** Where commands go instead of the guest: `--remote`. */
  readonly remote?: RemoteClient;
  readonly output: Output;
  readonly errors: Output;
}

/** Runs lines of guestfish's language on a guest. */
export class Shell {
  guest: ShellGuest;
  output: Output;
  errors: Output;
  /** The script being read; heredocs and, for a script on standard input, `-` read on from it. */
  input: ScriptInput | undefined;
  /** Shown while a command takes long. */
  progress: ProgressBar | undefined;
  /** Set by `quit`. */
  quit = false;
  readonly settings: ShellSettings;
  readonly meta: MetaCommands;
  readonly events = new EventHandlers();
  readonly #parts: ShellParts;
  #commands = 0;
  /** The running command had a `-` in front; a remote server wants to know. */
  #forgiving = false;

  constructor(parts: ShellParts) {
    this.#parts = parts;
    this.guest = parts.guest;
    this.settings = parts.settings;
    this.meta = parts.meta;
    this.output = parts.output;
    this.errors = parts.errors;
    followGuest(this);
  }

  /** How many commands ran, the one that runs now included. */
  get commands(): number {
    return this.#commands;
  }

  /** Parse and run one line. Errors are reported, not thrown. */
  async runLine(line: string): Promise<LineOutcome> {
    // Known before the rest is parsed: `-echo "\q"` is forgiven too.
    const ignoreError = /^\s*-/.test(line);
    this.#forgiving = ignoreError;
    try {
      await this.#runParsed(parseCommandLine(line, homeOf));
      return { ok: true };
    } catch (error) {
      if (isBrokenPipe(error)) throw error;
      await reportShellError(this, error);
      return { ok: ignoreError, error };
    }
  }

  /** Run a command given as separate words, without quoting, pipes or `!`. Errors are reported, not thrown. */
  async runWords(words: readonly string[]): Promise<LineOutcome> {
    try {
      await this.execute(words[0]!, words.slice(1));
      return { ok: true };
    } catch (error) {
      if (isBrokenPipe(error)) throw error;
      await reportShellError(this, error);
      return { ok: false, error };
    }
  }

  async #runParsed(parsed: CommandLine): Promise<void> {
    switch (parsed.kind) {
      case 'nothing':
        return;
      case 'local':
        return this.#local(parsed.command);
      case 'inline':
        return this.#inline(parsed.command);
      default:
        if (parsed.pipe === undefined) await this.execute(parsed.name, parsed.words);
        else await this.#piped(parsed.name, parsed.words, parsed.pipe);
    }
  }

  async #local(command: string): Promise<void> {
    if ((await runLocal(command, this.output)) !== 0) throw new ShellError('');
  }

  async #inline(command: string): Promise<void> {
    const { status, stdout } = await captureLocal(command);
    for (const line of Buffer.from(stdout).toString('utf8').split('\n')) {
      const outcome = await this.runLine(line);
      if (!outcome.ok) throw new ShellError('', { cause: outcome.error });
      if (this.quit) return;
    }
    if (status !== 0) throw new ShellError(`<!${command}: exited with status ${status}`);
  }

  async #piped(name: string, words: readonly string[], pipe: string): Promise<void> {
    const outer = this.output;
    const piped = new PipedOutput(pipe, outer, { reportErrors: this.settings.pipeError });
    this.output = piped;
    try {
      await this.execute(name, words);
    } catch (error) {
      // Only --pipe-error lets this one through: the program at the other end did not read everything.
      throw isBrokenPipe(error) ? new ShellError(`${name}: write to pipe: Broken pipe`, { cause: error }) : error;
    } finally {
      this.output = outer;
      await piped.finish();
    }
  }

  /**
   * Run one command: one of the shell's own or an action.
   * @throws ShellError when there is none of that name; whatever the command throws
   */
  async execute(name: string, words: readonly string[]): Promise<void> {
    this.#commands += 1;
    if (this.#parts.remote !== undefined) return this.#remote(this.#parts.remote, name, words);
    const command = name.toLowerCase().replaceAll('_', '-');
    const meta = this.meta.find(command);
    const action = meta === undefined ? this.guest.actions.find(command) : undefined;
    if (meta === undefined && action === undefined) throw new ShellError(this.#unknownCommand(name));
    try {
      if (meta !== undefined) await this.#runMeta(() => meta.run(this, words, command), name, words);
      else await this.#runAction(action!, command, words);
    } finally {
      this.progress?.clear();
      await this.events.settle();
    }
  }

  async #remote(client: RemoteClient, name: string, words: readonly string[]): Promise<void> {
    const ok = await client.run(
      { name, words, forgiving: this.#forgiving },
      {
        output: this.output,
        errors: this.errors,
        readLine: async () => this.input?.readLine(),
        stdin: () => this.stdin(),
      },
    );
    // What went wrong is printed already.
    if (!ok) throw new ShellError('');
    if (/^(quit|exit|q)$/i.test(name)) this.quit = true;
  }

  #unknownCommand(name: string): string {
    const hint =
      `Did you mean to open a disk image?  ${this.settings.personality.name} -a disk.img\n` +
      `For a list of commands:             ${this.settings.personality.name} -h\n` +
      `For complete documentation:         ${this.settings.personality.guestfish ? 'man guestfish' : 'vmcraft help'}`;
    const first = this.#commands === 1 && !this.settings.interactive;
    return `${name}: unknown command${first ? `\n${hint}` : ''}`;
  }

  async #runMeta(run: () => Promise<void>, command: string, words: readonly string[]): Promise<void> {
    if (!this.settings.json) return run();
    const outer = this.output;
    const captured = new MemoryOutput();
    this.output = captured;
    try {
      await run();
    } finally {
      this.output = outer;
    }
    await this.#printJson(command, words, { output: toJsonValue(captured.bytes()) });
  }

  async #runAction(action: AnyAction, command: string, words: readonly string[]): Promise<void> {
    const captured = this.settings.json ? new MemoryOutput() : undefined;
    const values = await convertArguments(action, command, words, {
      output: captured ?? this.output,
      stdin: () => this.stdin(),
      heredoc: (marker) => this.#heredoc(marker),
      readKey: (name) => this.#parts.keys.read(name),
      windowsPath: (path) => resolveWindowsPath(this, path),
    });
    const result = await this.guest.invoke(action, values.args, values.options);
    this.progress?.clear();
    await this.events.settle();
    if (captured === undefined) {
      for (const piece of printResult(action.name, action.returns, result)) await this.output.write(piece);
      return;
    }
    const output = captured.bytes();
    await this.#printJson(commandName(action.name), words, {
      result: toJsonValue(result),
      ...(output.length === 0 ? {} : { output: toJsonValue(output) }),
    });
  }

  #printJson(command: string, args: readonly string[], rest: Record<string, unknown>): Promise<void> {
    return this.output.write(`${JSON.stringify({ command, args, ...rest })}\n`);
  }

  /** Call an action by its guestfs name. */
  call<T = unknown>(name: string, args: readonly unknown[] = [], options: Record<string, unknown> = {}): Promise<T> {
    return callWith<T>(this.guest, name, args, options);
  }

  /** Cancel the command that runs now. */
  cancel(): void {
    this.guest.cancel();
  }

  /** What `-` reads: the rest of a script on standard input, or standard input itself. */
  stdin(): AsyncIterable<Uint8Array> {
    return this.input?.name.startsWith('*') === true ? this.input.rest() : process.stdin;
  }

  async #heredoc(marker: string): Promise<Uint8Array> {
    if (this.input === undefined) throw new ShellError(`-<<${marker}: there is no script to read the text from`);
    const lines: string[] = [];
    for (;;) {
      const line = await this.input.readLine();
      if (line === undefined) throw new UsageError(`-<<${marker}: the script ends before a line '${marker}'`);
      if (line === marker) break;
      lines.push(`${line}\n`);
    }
    return encodeFileName(lines.join(''));
  }

  /** Close the guest and open an empty one. */
  async reopen(): Promise<void> {
    await this.guest.close();
    this.guest = await this.#parts.reopen();
    followGuest(this);
  }
}

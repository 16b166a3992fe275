import { createInterface } from 'node:readline';
import { messageOf } from '@vmcraft/core/errors';
import { GuestRegistry, HiveShell, type HiveShellStep } from '@vmcraft/os-windows';
import type { OpenedGuest } from '../shell/guest.js';
import { registryJson } from './registry-json.js';
import type { TaskContext } from './task-context.js';

/** Which hive the shell begins with, and whether it may be changed. */
export interface HiveShellOptions {
  readonly hive: string;
  readonly writable: boolean;
  readonly user: string | undefined;
}

/** Lines of standard input; a prompt is shown where a person types. */
class Lines {
  readonly isTerminal = process.stdin.isTTY === true;
  readonly #reader = createInterface({ input: process.stdin, ...(this.isTerminal ? { output: process.stdout } : {}) });
  readonly #lines = this.#reader[Symbol.asyncIterator]();

  async next(prompt: string): Promise<string | undefined> {
    if (this.isTerminal) {
      this.#reader.setPrompt(prompt);
      this.#reader.prompt();
    }
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : (value as string);
  }

  close(): void {
    this.#reader.close();
  }
}

/**
 * A shell on the hives of a guest until `quit` or the end of input.
 * @throws what a command throws, unless a person types
 */
export async function runHiveShell(context: TaskContext, guest: OpenedGuest, options: HiveShellOptions): Promise<void> {
  const registry = new GuestRegistry(guest.session, 'registry');
  const lines = new Lines();
  try {
    let name: string | undefined = options.hive;
    while (name !== undefined) {
      const current: string = name;
      const place = { hive: current, key: '', user: options.user };
      const shown = current.replaceAll('\\', '/');
      name = await registry.withHive(registry.parse(place).hive, options.writable, (hive) =>
        runOn(context, lines, shown, new HiveShell(hive, () => lines.next(''))),
      );
    }
  } finally {
    lines.close();
  }
}

/** @returns the hive to go on with */
async function runOn(context: TaskContext, lines: Lines, name: string, shell: HiveShell): Promise<string | undefined> {
  for (;;) {
    const line = await lines.next(`${name}${shell.path}> `);
    if (line === undefined) return undefined;
    try {
      const step = await shell.run(line);
      if (step.kind === 'quit') return undefined;
      if (step.kind === 'load') return step.hive;
      await show(context, line, step);
    } catch (error) {
      if (!lines.isTerminal) throw error;
      await context.errors.write(`${messageOf(error)}\n`);
    }
  }
}

async function show(context: TaskContext, line: string, { result }: HiveShellStep & { kind: 'done' }): Promise<void> {
  if (!context.global.json) {
    for (const text of result.lines) await context.output.write(`${text}\n`);
  } else if (line.trim() !== '') {
    await context.output.write(`${JSON.stringify({ command: line.trim(), result: registryJson(result.value) })}\n`);
  }
}

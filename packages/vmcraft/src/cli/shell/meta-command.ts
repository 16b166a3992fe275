import type { CommandDoc } from './help.js';
import type { Shell } from './shell.js';

/** A command of the shell itself. */
export interface MetaCommand extends CommandDoc {
  /**
   * @param typed the name it was called by
   * @throws ShellError for wrong arguments
   */
  run(shell: Shell, words: readonly string[], typed: string): Promise<void>;
}

/** The shell's own commands by name and alias. */
export class MetaCommands {
  readonly list: readonly MetaCommand[];
  readonly #byName = new Map<string, MetaCommand>();

  constructor(commands: readonly MetaCommand[]) {
    this.list = commands;
    for (const command of commands) {
      for (const name of [command.name, ...command.aliases]) this.#byName.set(name, command);
    }
  }

  /** Undefined when there is none of that name. */
  find(name: string): MetaCommand | undefined {
    return this.#byName.get(name);
  }
}

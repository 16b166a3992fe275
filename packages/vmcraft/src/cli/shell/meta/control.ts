import { ShellError } from '../../language/shell-error.js';
import { expandWords } from '../glob-words.js';
import { actionHelp, commandHelp, commandList, GENERAL_HELP } from '../help.js';
import type { MetaCommand } from '../meta-command.js';
import type { Shell } from '../shell.js';

async function glob(shell: Shell, words: readonly string[]): Promise<void> {
  const [command, ...rest] = words;
  if (command === undefined) throw new ShellError("use 'glob command [args...]'");
  let failure: unknown;
  for await (const expanded of expandWords(shell, rest)) {
    const outcome = await shell.runWords([command, ...expanded]);
    if (!outcome.ok) failure ??= outcome.error;
    if (shell.quit) break;
  }
  // The errors themselves are printed already.
  if (failure !== undefined) throw new ShellError('', { cause: failure });
}

async function time(shell: Shell, words: readonly string[]): Promise<void> {
  const [command, ...rest] = words;
  if (command === undefined) throw new ShellError("use 'time command [args...]'");
  const start = performance.now();
  await shell.execute(command, rest);
  await shell.output.write(`elapsed time: ${((performance.now() - start) / 1000).toFixed(2)} seconds\n`);
}

async function not(shell: Shell, words: readonly string[]): Promise<void> {
  if (words.length === 0) throw new ShellError("use 'not command [args...]'");
  const outcome = await shell.runWords(words);
  if (outcome.ok) throw new ShellError(`not: ${words[0]}: command did not fail`);
}

async function supported(shell: Shell): Promise<void> {
  const groups = await shell.call<string[]>('available_all_groups');
  const width = Math.max(0, ...groups.map((group) => group.length));
  for (const group of groups) {
    const available = await shell.call<boolean>('feature_available', [[group]]);
    await shell.output.write(`${group.padStart(width)} ${available ? 'yes' : 'no'}\n`);
  }
}

async function help(shell: Shell, words: readonly string[]): Promise<void> {
  if (words.length > 1) throw new ShellError("use 'help', 'help <cmd>' or 'help -l|--list' to list all commands");
  await shell.output.write(helpText(shell, words[0]));
}

/**
 * What `help` shows.
 * @throws ShellError when there is no such command
 */
export function helpText(shell: Pick<Shell, 'guest' | 'meta'>, topic: string | undefined): string {
  if (topic === undefined) return GENERAL_HELP;
  if (topic === '-l' || topic === '--list') return commandList(shell.guest.actions, shell.meta.list);
  const name = topic.toLowerCase().replaceAll('_', '-');
  const meta = shell.meta.find(name);
  if (meta !== undefined) return commandHelp(meta);
  const action = shell.guest.actions.find(name);
  if (action === undefined) throw new ShellError(`${topic}: command not known: use -h to list all commands`);
  return `${actionHelp(action)}\n`;
}

/** Commands that run other commands, or the shell itself. */
export const controlCommands: readonly MetaCommand[] = [
  {
    name: 'help',
    aliases: [],
    summary: 'display a list of commands or help on a command',
    synopsis: ['help', 'help cmd', 'help -l|--list'],
    doc: 'Without any parameter, this provides general help. With a "cmd" parameter, this displays detailed help for that command. With -l or --list, this lists all commands.',
    run: help,
  },
  {
    name: 'quit',
    aliases: ['exit', 'q'],
    summary: 'quit the shell',
    synopsis: ['quit'],
    doc: 'This exits the shell. You can also use ^D.',
    async run(shell) {
      shell.quit = true;
    },
  },
  {
    name: 'glob',
    aliases: [],
    summary: 'expand wildcards in command',
    synopsis: ['glob command args...'],
    doc: 'Expand wildcards in any paths in the args list, and run "command" repeatedly on each matching path. With several wildcards, it runs on every combination.',
    run: glob,
  },
  {
    name: 'time',
    aliases: [],
    summary: 'print elapsed time taken to run a command',
    synopsis: ['time command args...'],
    doc: 'Run the command as usual, but print the elapsed time afterwards. This can be useful for benchmarking operations.',
    run: time,
  },
  {
    name: 'not',
    aliases: [],
    summary: 'succeed when a command fails',
    synopsis: ['not command args...'],
    doc: 'Run the command; this fails when the command succeeds, and succeeds when the command fails. Its error message is still printed.',
    run: not,
  },
  {
    name: 'supported',
    aliases: [],
    summary: 'list supported groups of commands',
    synopsis: ['supported'],
    doc: 'This lists the optional groups of commands, and whether each is available here. See also "available" and "feature-available".',
    run: supported,
  },
];

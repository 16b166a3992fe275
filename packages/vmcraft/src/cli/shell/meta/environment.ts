import { ShellError } from '../../language/shell-error.js';
import type { MetaCommand } from '../meta-command.js';

const STRERROR: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  ENOTDIR: 'Not a directory',
  EACCES: 'Permission denied',
};

/** Commands that change the shell's own surroundings. */
export const environmentCommands: readonly MetaCommand[] = [
  {
    name: 'lcd',
    aliases: [],
    summary: 'change working directory',
    synopsis: ['lcd directory'],
    doc: `Change the local directory, that is the current directory of the shell itself. Note that "!cd" will not do what you might
expect.`,
    async run(_, words) {
      if (words.length !== 1) throw new ShellError("use 'lcd directory' to change local directory");
      try {
        process.chdir(words[0]!);
      } catch (cause) {
        const { code, message } = cause as NodeJS.ErrnoException;
        throw new ShellError(`${words[0]}: ${STRERROR[code ?? ''] ?? message}`, { cause });
      }
    },
  },
  {
    name: 'setenv',
    aliases: [],
    summary: 'set an environment variable',
    synopsis: ['setenv VAR value'],
    doc: 'Set the environment variable "VAR" to the string "value". To print the value of an environment variable use a shell command such as: !echo $VAR',
    async run(_, words) {
      const [name, value] = words;
      if (name === undefined || value === undefined || words.length !== 2) {
        throw new ShellError("use 'setenv VAR value' to set an environment variable");
      }
      process.env[name] = value;
    },
  },
  {
    name: 'unsetenv',
    aliases: [],
    summary: 'unset an environment variable',
    synopsis: ['unsetenv VAR'],
    doc: 'Remove "VAR" from the environment.',
    async run(_, words) {
      if (words.length !== 1) throw new ShellError("use 'unsetenv VAR' to unset an environment variable");
      delete process.env[words[0]!];
    },
  },
  {
    name: 'reopen',
    aliases: [],
    summary: 'close and reopen the handle',
    synopsis: ['reopen'],
    doc: `Close the session, committing what was written, and open an empty one. This is not needed normally, because the session is
closed when the shell exits. It is occasionally useful for testing.`,
    async run(shell, words) {
      if (words.length > 0) throw new ShellError("use 'reopen' to close and reopen the handle");
      await shell.reopen();
    },
  },
];

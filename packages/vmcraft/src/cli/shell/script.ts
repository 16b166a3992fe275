import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { messageOf, VmcraftError } from '@vmcraft/core/errors';
import { syntaxError } from '../language/shell-error.js';
import { LineSource } from './line-source.js';
import { reportShellError } from './report.js';
import type { LineOutcome, Shell } from './shell.js';

/** Lines of a script file. @throws VmcraftError when it cannot be opened */
export async function openScript(path: string): Promise<LineSource> {
  try {
    await (await open(path, 'r')).close();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'No such file or directory' : messageOf(cause);
    throw new VmcraftError({
      code: 'VMC_HOST',
      message: `open: ${path}: ${reason}`,
      data: { path, operation: 'open', errno: code, reason },
      cause,
    });
  }
  return new LineSource(path, createReadStream(path) as AsyncIterable<Uint8Array>);
}

/** Lines of standard input. */
export function stdinScript(): LineSource {
  return new LineSource('*stdin*', process.stdin as AsyncIterable<Uint8Array>);
}

/** Run a script until its end, `quit`, or a command that fails. */
export async function runScript(shell: Shell, source: LineSource): Promise<LineOutcome> {
  shell.input = source;
  try {
    for (;;) {
      const line = await source.readLine();
      if (line === undefined || shell.quit) return { ok: true };
      const outcome = await shell.runLine(line);
      if (!outcome.ok) return outcome;
    }
  } finally {
    await source.close();
    shell.input = undefined;
  }
}

/** Run the commands of the command line: words, with `:` between commands. */
export async function runCommandWords(shell: Shell, words: readonly string[]): Promise<LineOutcome> {
  let from = 0;
  while (from < words.length && !shell.quit) {
    const colon = words.indexOf(':', from);
    const end = colon < 0 ? words.length : colon;
    if (end === from) {
      const error = syntaxError('empty command on command line');
      await reportShellError(shell, error);
      return { ok: false, error };
    }
    const outcome = await runCommand(shell, words.slice(from, end));
    if (!outcome.ok) return outcome;
    from = end + 1;
  }
  return { ok: true };
}

/** On the command line, too, a `-` in front of a command (after `--`) forgives its error. */
async function runCommand(shell: Shell, words: readonly string[]): Promise<LineOutcome> {
  const first = words[0]!;
  if (first.length < 2 || !first.startsWith('-')) return shell.runWords(words);
  await shell.runWords([first.slice(1), ...words.slice(1)]);
  return { ok: true };
}

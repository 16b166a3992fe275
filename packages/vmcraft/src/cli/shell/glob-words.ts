import { ShellError } from '../language/shell-error.js';
import type { Shell } from './shell.js';

/** Every combination of what the wildcards in the words match. A word that matches nothing stays as it is. */
export async function* expandWords(shell: Shell, words: readonly string[]): AsyncGenerator<readonly string[]> {
  const choices: (readonly string[])[] = [];
  for (const word of words) choices.push(await expandWord(shell, word));
  yield* combine(choices, 0);
}

function* combine(choices: readonly (readonly string[])[], from: number): Generator<readonly string[]> {
  if (from === choices.length) {
    yield [];
    return;
  }
  for (const choice of choices[from]!) {
    for (const rest of combine(choices, from + 1)) yield [choice, ...rest];
  }
}

async function expandWord(shell: Shell, word: string): Promise<readonly string[]> {
  if (!word.startsWith('/')) return [word];
  const matches = word.startsWith('/dev/') ? await devicesLike(shell, word) : await pathsLike(shell, word);
  return matches.length === 0 ? [word] : matches;
}

async function pathsLike(shell: Shell, pattern: string): Promise<readonly string[]> {
  try {
    return await shell.call<string[]>('glob_expand', [pattern]);
  } catch (cause) {
    const { reportShellError } = await import('./report.js');
    await reportShellError(shell, cause);
    throw new ShellError(`glob: guestfs_glob_expand call failed: ${pattern}`, { cause });
  }
}

async function devicesLike(shell: Shell, pattern: string): Promise<readonly string[]> {
  const names: string[] = [];
  for (const action of ['list_devices', 'list_partitions', 'list_md_devices', 'lvs']) {
    if (shell.guest.actions.find(action) !== undefined) names.push(...(await shell.call<string[]>(action)));
  }
  const expression = patternExpression(pattern);
  return names.filter((name) => expression.test(name));
}

/** A file name pattern (`*`, `?`, `[…]`) as a regular expression. */
export function patternExpression(pattern: string): RegExp {
  const source = pattern.replace(/\[!?(?:\\.|[^\]])+\]|[\s\S]/g, (part) => {
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.length > 1) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${source}$`);
}

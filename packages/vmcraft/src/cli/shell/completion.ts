import { readdirSync } from 'node:fs';
import { commandName } from '@vmcraft/core/guest';
import type { Shell } from './shell.js';

/** Candidates, and the part of the line that they replace: what readline wants. */
export type Completion = [string[], string];

const QUIET = new Set(['glob', 'time', 'not', 'help']);

/** Complete the end of a line: command names, then guest paths, devices and local files. */
export async function complete(shell: Shell, line: string): Promise<Completion> {
  const start = /^\s*(-\s*)?/.exec(line)![0].length;
  const words = line.slice(start).split(/\s+/);
  const last = words.at(-1)!;
  const first = words.length === 1 || (words.length === 2 && QUIET.has(words[0]!));
  if (first) return [matching(commandNames(shell), last).map((name) => `${name} `), last];
  return [await completeWord(shell, words[0]!, last), last];
}

function commandNames(shell: Shell): string[] {
  const names = shell.meta.list.flatMap((command) => [command.name, ...command.aliases]);
  for (const action of shell.guest.actions) names.push(commandName(action.name), ...(action.aliases ?? []));
  return [...new Set(names)].sort();
}

function matching(names: readonly string[], prefix: string): string[] {
  return names.filter((name) => name.startsWith(prefix));
}

async function completeWord(shell: Shell, command: string, word: string): Promise<string[]> {
  const quote = /^["']/.exec(word)?.[0] ?? '';
  const text = word.slice(quote.length);
  const found =
    text.startsWith('/') && !takesLocalFiles(shell, command) ? await guestNames(shell, text) : localNames(text);
  return found.map((name) => decorate(name, quote));
}

/** Commands whose words are files of the host before any others. */
function takesLocalFiles(shell: Shell, command: string): boolean {
  if (['lcd', 'alloc', 'allocate', 'sparse'].includes(command)) return true;
  const first = shell.guest.actions.find(command)?.args[0];
  return first?.name === 'filename' && first.kind.name === 'PlainString';
}

/** A directory leaves the word open; a file closes it. Names with blanks are quoted. */
function decorate(name: string, quote: string): string {
  if (name.endsWith('/')) return quote + name;
  if (quote !== '') return `${quote}${name}${quote} `;
  return /[\s"']/.test(name) ? `"${name.replace(/["\\]/g, '\\$&')}" ` : `${name} `;
}

async function guestNames(shell: Shell, text: string): Promise<string[]> {
  if (!shell.settings.completeGuestPaths) return [];
  if (text.startsWith('/dev/')) {
    const devices = matching(await deviceNames(shell), text);
    if (devices.length > 0) return devices;
  }
  const slash = text.lastIndexOf('/') + 1;
  const folder = text.slice(0, slash);
  const entries = await quietly(shell, 'readdir', [folder]);
  const names: string[] = [];
  for (const entry of entries as { name: string; ftyp: string }[]) {
    if (entry.name === '.' || entry.name === '..' || !entry.name.startsWith(text.slice(slash))) continue;
    names.push(folder + entry.name + (entry.ftyp === 'd' ? '/' : ''));
  }
  return names.sort();
}

async function deviceNames(shell: Shell): Promise<string[]> {
  const lists = await Promise.all(
    ['list_devices', 'list_partitions', 'lvs'].map((action) => quietly(shell, action, [])),
  );
  return lists.flat() as string[];
}

/** Hidden calls: not traced, and an error (nothing mounted yet) just means no candidates. */
async function quietly(shell: Shell, name: string, args: readonly unknown[]): Promise<readonly unknown[]> {
  const action = shell.guest.actions.find(name);
  if (action === undefined) return [];
  try {
    return (await shell.guest.invoke(action, args, {})) as readonly unknown[];
  } catch {
    return [];
  }
}

function localNames(text: string): string[] {
  const slash = text.lastIndexOf('/') + 1;
  const folder = text.slice(0, slash);
  try {
    return readdirSync(folder === '' ? '.' : folder, { withFileTypes: true })
      .filter((entry) => entry.name.startsWith(text.slice(slash)))
      .map((entry) => folder + entry.name + (entry.isDirectory() ? '/' : ''))
      .sort();
  } catch {
    return [];
  }
}

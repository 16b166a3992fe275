import { encodeFileName } from '@vmcraft/core/binary';
import type { AnyAction, Arg, ArgKind, ByteSink } from '@vmcraft/core/guest';
import { parseBoolean } from '../language/boolean.js';
import { parseInteger } from '../language/number.js';
import { ShellError } from '../language/shell-error.js';
import { parseStringList } from '../language/string-list.js';
import type { Output } from '../output/output.js';
import { usageLine } from './help.js';

/** What some kinds of arguments need of the shell. */
export interface ArgumentContext {
  readonly output: Output;
  /** Everything on standard input. */
  stdin(): AsyncIterable<Uint8Array>;
  /** Lines of the script up to the end marker, for `-<<END`. */
  heredoc(marker: string): Promise<Uint8Array>;
  /** Ask for a passphrase. */
  readKey(name: string): Promise<string>;
  /** The guest path that a `win:` path means. */
  windowsPath(path: string): Promise<string>;
}

/** The values of an action's arguments. */
export interface ActionArguments {
  readonly args: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * The values that the words of a command line stand for.
 * @param command the name as typed, for messages
 * @throws ShellError for a wrong number of words or one that does not fit its kind
 */
export async function convertArguments(
  action: AnyAction,
  command: string,
  words: readonly string[],
  context: ArgumentContext,
): Promise<ActionArguments> {
  const typed = action.args.filter((arg) => arg.kind.name !== 'Key').length;
  if (words.length < typed || (words.length > typed && action.options === undefined)) {
    throw new ShellError(
      `error: incorrect number of arguments\nusage: ${usageLine(action)}\ntype 'help ${command}' for more help on ${command}`,
    );
  }
  const options = convertOptions(action, command, words.slice(typed));
  const args: unknown[] = [];
  let next = 0;
  for (const arg of action.args) {
    args.push(
      arg.kind.name === 'Key' ? await context.readKey(arg.name) : await convert(arg, command, words[next++]!, context),
    );
  }
  return { args, options };
}

async function convert(arg: Arg, command: string, word: string, context: ArgumentContext): Promise<unknown> {
  const { name, list } = arg.kind;
  if (list) return parseStringList(word);
  switch (name) {
    case 'Pathname':
    case 'Dev_or_Path':
    case 'Mountable_or_Path':
      return /^win:/i.test(word) ? context.windowsPath(word.slice('win:'.length)) : word;
    case 'FileIn':
      if (word.startsWith('-<<')) return single(await context.heredoc(word.slice('-<<'.length)));
      return word === '-' ? context.stdin() : word;
    case 'FileOut':
      return word === '-' ? outputSink(context.output) : word;
    case 'BufferIn':
      return encodeFileName(word);
    default:
      return convertScalar(arg.kind, `${command}: ${arg.name}`, word);
  }
}

/** Kinds that mean the same as an argument and as an option. */
function convertScalar(kind: ArgKind, where: string, word: string): unknown {
  if (kind.list) return parseStringList(word);
  switch (kind.name) {
    case 'Int':
      return parseInteger(word, 32, where);
    case 'Int64':
      return parseInteger(word, 64, where);
    case 'Bool':
      return parseBoolean(word);
    case 'OptString':
      return word === '' ? null : word;
    default:
      return word;
  }
}

function convertOptions(action: AnyAction, command: string, words: readonly string[]): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const word of words) {
    const colon = word.indexOf(':');
    const name = colon < 0 ? '' : word.slice(0, colon);
    const kind = Object.hasOwn(action.options ?? {}, name) ? action.options![name] : undefined;
    if (kind === undefined) throw new ShellError(`${command}: unknown optional argument "${word}"`);
    if (name in options) throw new ShellError(`${command}: optional argument "${name}" given more than once`);
    options[name] = convertScalar(kind, `${command}: ${name}`, word.slice(colon + 1));
  }
  return options;
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

function outputSink(output: Output): ByteSink {
  return { write: (chunk) => output.write(chunk) };
}

import { UsageError } from '@vmcraft/core/errors';

/** An option as getopt_long(3) declares it. */
export interface OptionSpec {
  readonly long?: string;
  readonly short?: string;
  /** `optional` values are only taken from `--name=value`. */
  readonly value: 'none' | 'required' | 'optional';
}

/** One option found, in the order of the command line. */
export interface FoundOption<S extends OptionSpec> {
  readonly spec: S;
  readonly value?: string;
}

/** The options and the remaining words of a command line. */
export interface ParsedOptions<S extends OptionSpec> {
  readonly options: readonly FoundOption<S>[];
  readonly operands: readonly string[];
}

/**
 * Read a command line as getopt_long(3) does: options may stand anywhere before `--`, long ones may be shortened as long as they
 * are unambiguous, short ones may be joined.
 * @throws UsageError with the text that getopt_long prints
 */
export function getopt<S extends OptionSpec>(argv: readonly string[], specs: readonly S[]): ParsedOptions<S> {
  const options: FoundOption<S>[] = [];
  const operands: string[] = [];
  const queue = [...argv];
  while (queue.length > 0) {
    const word = queue.shift()!;
    if (word === '--') {
      operands.push(...queue);
      break;
    }
    if (word.startsWith('--')) options.push(longOption(word, queue, specs));
    else if (word.startsWith('-') && word.length > 1) options.push(...shortOptions(word.slice(1), queue, specs));
    else operands.push(word);
  }
  return { options, operands };
}

function longOption<S extends OptionSpec>(word: string, queue: string[], specs: readonly S[]): FoundOption<S> {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const given = equals < 0 ? undefined : word.slice(equals + 1);
  const spec = findLong(name, specs);
  if (spec.value === 'none') {
    if (given !== undefined) throw new UsageError(`option '--${spec.long}' doesn't allow an argument`);
    return { spec };
  }
  if (given !== undefined) return { spec, value: given };
  if (spec.value === 'optional') return { spec };
  const next = queue.shift();
  if (next === undefined) throw new UsageError(`option '--${spec.long}' requires an argument`);
  return { spec, value: next };
}

function findLong<S extends OptionSpec>(name: string, specs: readonly S[]): S {
  const exact = specs.find((spec) => spec.long === name);
  if (exact !== undefined) return exact;
  const matches = name === '' ? [] : specs.filter((spec) => spec.long?.startsWith(name) === true);
  if (matches.length === 1) return matches[0]!;
  if (matches.length === 0) throw new UsageError(`unrecognized option '--${name}'`);
  const list = matches.map((spec) => `'--${spec.long}'`).join(' ');
  throw new UsageError(`option '--${name}' is ambiguous; possibilities: ${list}`);
}

function shortOptions<S extends OptionSpec>(letters: string, queue: string[], specs: readonly S[]): FoundOption<S>[] {
  const found: FoundOption<S>[] = [];
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i]!;
    const spec = specs.find((candidate) => candidate.short === letter);
    if (spec === undefined) throw new UsageError(`invalid option -- '${letter}'`);
    if (spec.value !== 'required') {
      found.push({ spec });
      continue;
    }
    const rest = letters.slice(i + 1);
    const value = rest === '' ? queue.shift() : rest;
    if (value === undefined) throw new UsageError(`option requires an argument -- '${letter}'`);
    found.push({ spec, value });
    break;
  }
  return found;
}

import { syntaxError } from '../language/shell-error.js';
import { REGISTRY_OPTIONS, typedValue } from '../tasks/registry-operations.js';

const quoted = (word: string): string => `"${word.replace(/[\\"]/g, '\\$&')}"`;

/**
 * A command line of the shell with `--reg-read HIVE KEY NAME` and its like as the commands that they stand for.
 * @throws ShellError when words are missing
 */
export function expandRegistryOptions(argv: readonly string[]): readonly string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const expanded: string[] = [];
  for (let at = 0; at < end; at++) {
    const found = REGISTRY_OPTIONS.find(([option]) => argv[at] === `--${option}`);
    if (found === undefined) {
      expanded.push(argv[at]!);
      continue;
    }
    const [option, operands] = found;
    const words = argv.slice(at + 1, Math.min(at + 1 + operands.length, end));
    if (words.length < operands.length) throw syntaxError(`option '--${option}' needs ${operands.join(' ')}`);
    at += operands.length;
    expanded.push('-i', '--run', commandOf(option, words));
  }
  return [...expanded, ...argv.slice(end)];
}

/** The command of the shell that an option stands for. */
function commandOf(option: string, words: readonly string[]): string {
  if (option === 'reg-delete-key') return ['registry-delete', ...words.map(quoted)].join(' ');
  if (option === 'reg-delete-value')
    return ['registry-delete', ...words.slice(0, 2).map(quoted), quoted(`name:${words[2]}`)].join(' ');
  if (option === 'reg-write') {
    const { value, type } = typedValue(words[3]!);
    return [
      'registry-write',
      ...[...words.slice(0, 3), value].map(quoted),
      ...(type === undefined ? [] : [`type:${type}`]),
    ].join(' ');
  }
  return [option.replace(/^reg-/, 'registry-'), ...words.map(quoted)].join(' ');
}

import { syntaxError } from './shell-error.js';

const TRUE = new Set(['1', 'true', 't', 'yes', 'y', 'on']);
const FALSE = new Set(['0', 'false', 'f', 'no', 'n', 'off']);

/**
 * The value of a Boolean argument: `true`, `t`, `yes`, `y`, `on`, `1` and their opposites, in any case.
 * @throws ShellError for anything else
 */
export function parseBoolean(text: string): boolean {
  const word = text.toLowerCase();
  if (TRUE.has(word)) return true;
  if (FALSE.has(word)) return false;
  throw syntaxError(`'${text}': invalid boolean value, use 'true' or 'false'`);
}

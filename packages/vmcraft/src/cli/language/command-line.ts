import { decodeFileName, encodeUtf8 } from '@vmcraft/core/binary';
import { syntaxError } from './shell-error.js';

/** One line of the shell's language, taken apart. */
export type CommandLine =
  | { readonly kind: 'nothing' }
  /** `!command`: for the host's shell. */
  | { readonly kind: 'local'; readonly command: string; readonly ignoreError: boolean }
  /** `<!command`: the output of the host's shell is read as commands. */
  | { readonly kind: 'inline'; readonly command: string; readonly ignoreError: boolean }
  | {
      readonly kind: 'command';
      readonly name: string;
      readonly words: readonly string[];
      /** What follows an unquoted `|`. */
      readonly pipe?: string;
      /** The command had a `-` in front. */
      readonly ignoreError: boolean;
    };

/** Home directory of a user of the host, or of the caller when `user` is empty; undefined when unknown. */
export type HomeLookup = (user: string) => string | undefined;

const BLANK = /[ \t\r\n]/;

/**
 * Take one line apart by guestfish(1), QUOTING, PIPES, HOME DIRECTORIES, COMMENTS.
 * @throws ShellError for an unterminated quote, an unknown escape, or text stuck to a closing quote
 */
export function parseCommandLine(line: string, home: HomeLookup): CommandLine {
  let rest = line.replace(/^[ \t\r\n]+/, '').replace(/[ \t\r\n]+$/, '');
  let ignoreError = false;
  if (rest.startsWith('-')) {
    ignoreError = true;
    rest = rest.slice(1).replace(/^[ \t]+/, '');
  }
  if (rest === '' || rest.startsWith('#')) return { kind: 'nothing' };
  if (rest.startsWith('!')) return { kind: 'local', command: rest.slice(1), ignoreError };
  if (rest.startsWith('<!')) return { kind: 'inline', command: rest.slice(2), ignoreError };
  const nameLength = /^[^ \t\r\n]+/.exec(rest)![0].length;
  return {
    kind: 'command',
    name: rest.slice(0, nameLength),
    ignoreError,
    ...parseWords(rest.slice(nameLength), home),
  };
}

/** Split the part after the command's name. */
function parseWords(text: string, home: HomeLookup): { words: string[]; pipe?: string } {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && BLANK.test(text[at]!)) at += 1;
    if (at >= text.length) return { words };
    const first = text[at];
    if (first === '|') return { words, pipe: text.slice(at + 1).trim() };
    if (first === '"' || first === "'") {
      const end = closingQuote(text, at);
      const inner = text.slice(at + 1, end);
      words.push(first === '"' ? unescapeWord(inner) : inner);
      at = end + 1;
      if (at < text.length && !BLANK.test(text[at]!)) {
        throw syntaxError('command arguments not separated by whitespace');
      }
      continue;
    }
    const start = at;
    while (at < text.length && !BLANK.test(text[at]!)) at += 1;
    words.push(expandTilde(text.slice(start, at), home));
  }
}

/** Index of the quote that ends the one at `start`. */
function closingQuote(text: string, start: number): number {
  const quote = text[start];
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === quote) return i;
    if (quote === '"' && text[i] === '\\') i += 1;
  }
  throw syntaxError(quote === '"' ? 'unterminated double quote' : 'unterminated single quote');
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '"': 0x22,
  "'": 0x27,
  '?': 0x3f,
  '\\': 0x5c,
};

/** The text of a double-quoted word. Escapes give bytes, so `"\xff"` is one byte that is not UTF-8. */
function unescapeWord(inner: string): string {
  if (!inner.includes('\\')) return inner;
  const bytes: number[] = [];
  let at = 0;
  while (at < inner.length) {
    const backslash = inner.indexOf('\\', at);
    const end = backslash < 0 ? inner.length : backslash;
    for (const byte of encodeUtf8(inner.slice(at, end))) bytes.push(byte);
    if (backslash < 0) break;
    const found = readEscape(inner, backslash);
    bytes.push(found.byte);
    at = backslash + found.length;
  }
  return decodeFileName(Uint8Array.from(bytes));
}

function readEscape(inner: string, at: number): { byte: number; length: number } {
  const simple = SIMPLE_ESCAPES[inner[at + 1] ?? ''];
  if (simple !== undefined) return { byte: simple, length: 2 };
  const octal = /^\\([0-3][0-7]{2})/.exec(inner.slice(at, at + 4));
  const hex = /^\\x([0-9a-fA-F]{2})/.exec(inner.slice(at, at + 4));
  const byte = octal !== null ? Number.parseInt(octal[1]!, 8) : hex !== null ? Number.parseInt(hex[1]!, 16) : 0;
  // NUL cannot be part of a string of guestfs.
  if (byte === 0) throw syntaxError(`invalid escape sequence in string (starting at offset ${at})`);
  return { byte, length: 4 };
}

function expandTilde(word: string, home: HomeLookup): string {
  if (!word.startsWith('~')) return word;
  const slash = word.indexOf('/');
  const user = word.slice(1, slash < 0 ? undefined : slash);
  const folder = home(user);
  return folder === undefined ? word : folder + (slash < 0 ? '' : word.slice(slash));
}

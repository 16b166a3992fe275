import { UsageError } from '../../errors/index.js';

/** Zero-width conditions: line ends, and word edges as GNU grep has them. */
export type Assertion = 'begin' | 'end' | 'wordBegin' | 'wordEnd' | 'wordEdge' | 'notWordEdge';

/** A parsed expression. Sets have one byte for each byte value. */
export type RegexNode =
  | { readonly kind: 'set'; readonly set: Uint8Array }
  | { readonly kind: 'sequence' | 'choice'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly item: RegexNode; readonly min: number; readonly max: number }
  | { readonly kind: 'group'; readonly item: RegexNode; readonly index: number }
  | { readonly kind: 'reference'; readonly index: number }
  | { readonly kind: 'assertion'; readonly assertion: Assertion };

export const EMPTY: RegexNode = { kind: 'sequence', items: [] };

export function regexError(reason: string): UsageError {
  return new UsageError(`regex: ${reason}`, { argument: 'regex' });
}

/** The set of bytes for which a test holds. */
export function setOf(test: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (test(byte) ? 1 : 0));
}

const isUpper = (c: number): boolean => c >= 0x41 && c <= 0x5a;
const isLower = (c: number): boolean => c >= 0x61 && c <= 0x7a;
const isDigit = (c: number): boolean => c >= 0x30 && c <= 0x39;
const isAlpha = (c: number): boolean => isUpper(c) || isLower(c);
const isSpace = (c: number): boolean => c === 0x20 || (c >= 9 && c <= 13);
const isGraph = (c: number): boolean => c > 0x20 && c < 0x7f;

/** Whether a byte is part of a word: letters, digits, underscore. */
export const isWordByte = (c: number): boolean => isAlpha(c) || isDigit(c) || c === 0x5f;

/** Character classes of the POSIX locale. */
const CLASSES: Readonly<Record<string, (c: number) => boolean>> = {
  alnum: (c) => isAlpha(c) || isDigit(c),
  alpha: isAlpha,
  blank: (c) => c === 0x20 || c === 9,
  cntrl: (c) => c < 0x20 || c === 0x7f,
  digit: isDigit,
  graph: isGraph,
  lower: isLower,
  print: (c) => c === 0x20 || isGraph(c),
  punct: (c) => isGraph(c) && !isAlpha(c) && !isDigit(c),
  space: isSpace,
  upper: isUpper,
  xdigit: (c) => isDigit(c) || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66),
};

/** The set of a class such as `alpha`. @throws UsageError */
export function classSet(name: string): Uint8Array {
  const test = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
  if (test === undefined) throw regexError('Invalid character class name');
  return setOf(test);
}

/** Add the other case of each letter in a set. */
export function foldCase(set: Uint8Array): Uint8Array {
  return setOf((c) => set[c] === 1 || (isAlpha(c) && set[c ^ 0x20] === 1));
}

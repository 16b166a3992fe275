import { parseBracket } from './bracket.js';
import { type Assertion, classSet, EMPTY, foldCase, isWordByte, type RegexNode, regexError, setOf } from './syntax.js';

/** Parentheses inside each other. */
const MAX_DEPTH = 500;
/** `RE_DUP_MAX` of glibc. */
const MAX_REPEAT = 32_767;
const NEWLINE = 0x0a;

const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  '<': 'wordBegin',
  '>': 'wordEnd',
  b: 'wordEdge',
  B: 'notWordEdge',
  '`': 'begin',
  "'": 'end',
};

/** How an expression is written. */
export interface RegexOptions {
  /** Extended (ERE) rather than basic (BRE) syntax of POSIX. */
  readonly extended: boolean;
  readonly ignoreCase: boolean;
}

/** What comes next, in either syntax. */
type Token =
  | { readonly kind: 'open' | 'close' | 'or' | 'begin' | 'end' | 'stop' | 'any' }
  | { readonly kind: 'byte'; readonly byte: number }
  | { readonly kind: 'bracket' }
  | { readonly kind: 'escape'; readonly letter: string }
  | { readonly kind: 'repeat'; readonly min: number; readonly max: number };

/** Parses one POSIX regular expression with the extensions of GNU grep, of bytes in the POSIX locale. */
export class RegexParser {
  #at = 0;
  #groups = 0;
  readonly #closed = new Set<number>();
  #hasReferences = false;
  /** Nothing came before in this branch but perhaps an anchor: where a star has nothing to repeat. */
  #isStart = true;
  #token: Token = { kind: 'stop' };

  constructor(
    private readonly pattern: Uint8Array,
    private readonly options: RegexOptions,
  ) {}

  /** @throws UsageError with the words of grep(1) */
  parse(): { readonly node: RegexNode; readonly hasReferences: boolean } {
    this.#advance(undefined);
    const node = this.#choice(0);
    if (this.#token.kind === 'close') throw regexError('Unmatched ) or \\)');
    return { node, hasReferences: this.#hasReferences };
  }

  #choice(depth: number): RegexNode {
    if (depth > MAX_DEPTH) throw regexError('Regular expression too big');
    const items = [this.#sequence(depth)];
    while (this.#token.kind === 'or') {
      this.#isStart = true;
      this.#advance('or');
      items.push(this.#sequence(depth));
    }
    return items.length === 1 ? items[0]! : { kind: 'choice', items };
  }

  #sequence(depth: number): RegexNode {
    const items: RegexNode[] = [];
    for (;;) {
      const token = this.#token;
      if (token.kind === 'stop' || token.kind === 'or') break;
      if (token.kind === 'close' && (depth > 0 || !this.options.extended)) break;
      if (token.kind === 'repeat') {
        // Only in the extended syntax: a repetition of nothing.
        this.#advance('repeat');
        continue;
      }
      items.push(this.#repeated(this.#atom(token, depth)));
    }
    return items.length === 1 ? items[0]! : { kind: 'sequence', items };
  }

  #repeated(atom: RegexNode): RegexNode {
    let item = atom;
    while (this.#token.kind === 'repeat') {
      const { min, max } = this.#token;
      item = { kind: 'repeat', item, min, max };
      this.#advance('repeat');
    }
    return item;
  }

  #atom(token: Token, depth: number): RegexNode {
    if (token.kind === 'open') return this.#group(depth);
    if (token.kind === 'begin' || token.kind === 'end') {
      this.#advance(token.kind);
      return { kind: 'assertion', assertion: token.kind };
    }
    this.#isStart = false;
    if (token.kind === 'bracket') {
      const { set, end } = parseBracket(this.pattern, this.#at, this.options.ignoreCase);
      this.#at = end;
      this.#advance('byte');
      return { kind: 'set', set };
    }
    this.#advance('byte');
    if (token.kind === 'escape') return this.#escaped(token.letter);
    if (token.kind === 'any') return { kind: 'set', set: setOf((c) => c !== NEWLINE) };
    // An unmatched closing parenthesis of the extended syntax stands for itself.
    return this.#literal(token.kind === 'byte' ? token.byte : 0x29);
  }

  #literal(byte: number): RegexNode {
    const set = setOf((c) => c === byte);
    return { kind: 'set', set: this.options.ignoreCase ? foldCase(set) : set };
  }

  #group(depth: number): RegexNode {
    const index = ++this.#groups;
    this.#isStart = true;
    this.#advance('open');
    const item = this.#choice(depth + 1);
    if (this.#token.kind !== 'close') throw regexError('Unmatched ( or \\(');
    this.#closed.add(index);
    this.#isStart = false;
    this.#advance('close');
    return { kind: 'group', item, index };
  }

  #escaped(letter: string): RegexNode {
    const assertion = ASSERTIONS[letter];
    if (assertion !== undefined) return { kind: 'assertion', assertion };
    if (letter === 'w') return { kind: 'set', set: setOf(isWordByte) };
    if (letter === 'W') return { kind: 'set', set: setOf((c) => !isWordByte(c) && c !== NEWLINE) };
    const space = classSet('space');
    if (letter === 's') return { kind: 'set', set: space };
    if (letter === 'S') return { kind: 'set', set: setOf((c) => space[c] === 0) };
    const index = Number(letter);
    if (!this.#closed.has(index)) throw regexError('Invalid back reference');
    this.#hasReferences = true;
    return { kind: 'reference', index };
  }

  /** @param last the kind of token before; undefined at the start */
  #advance(last: Token['kind'] | undefined): void {
    this.#token = this.#next(last);
  }

  #next(last: Token['kind'] | undefined): Token {
    const byte = this.pattern[this.#at];
    if (byte === undefined) return { kind: 'stop' };
    this.#at += 1;
    const { extended } = this.options;
    const c = String.fromCharCode(byte);
    if (c === '\\') return this.#backslash();
    if (c === '[') return { kind: 'bracket' };
    if (c === '.') return { kind: 'any' };
    if (c === '*') return this.#quantifier(byte, 0, Number.POSITIVE_INFINITY);
    if (c === '^') {
      const isAnchor = extended || last === undefined || last === 'open' || last === 'or';
      return isAnchor ? { kind: 'begin' } : { kind: 'byte', byte };
    }
    if (c === '$') return extended || this.#isBeforeEnd() ? { kind: 'end' } : { kind: 'byte', byte };
    return extended ? this.#operator(c, byte) : { kind: 'byte', byte };
  }

  /** A dollar sign of the basic syntax is an anchor at the end, and before `\)` and `\|`. */
  #isBeforeEnd(): boolean {
    const next = this.pattern[this.#at];
    if (next === undefined) return true;
    const after = String.fromCharCode(this.pattern[this.#at + 1] ?? 0);
    return next === 0x5c && (after === ')' || after === '|');
  }

  #backslash(): Token {
    const byte = this.pattern[this.#at];
    if (byte === undefined) throw regexError('Trailing backslash');
    this.#at += 1;
    const c = String.fromCharCode(byte);
    if (/[wWsSbB<>`'1-9]/.test(c)) return { kind: 'escape', letter: c };
    return this.options.extended ? { kind: 'byte', byte } : this.#operator(c, byte);
  }

  /** What is written plainly in the extended syntax, and with a backslash in the basic one. */
  #operator(c: string, byte: number): Token {
    if (c === '(') return { kind: 'open' };
    if (c === ')') return { kind: 'close' };
    if (c === '|') return { kind: 'or' };
    if (c === '+') return this.#quantifier(byte, 1, Number.POSITIVE_INFINITY);
    if (c === '?') return this.#quantifier(byte, 0, 1);
    if (c === '{') return this.#interval(byte);
    return { kind: 'byte', byte };
  }

  #quantifier(byte: number, min: number, max: number): Token {
    if (this.#isStart && !this.options.extended) return { kind: 'byte', byte };
    return { kind: 'repeat', min, max };
  }

  #interval(byte: number): Token {
    const { extended } = this.options;
    if (this.#isStart && !extended) return { kind: 'byte', byte };
    const rest = String.fromCharCode(...this.pattern.subarray(this.#at, this.#at + 64));
    const close = extended ? '}' : '\\}';
    const end = rest.indexOf(close);
    const match = /^(\d*)(,?)(\d*)$/.exec(end < 0 ? '?' : rest.slice(0, end));
    if (match === null) {
      if (extended) return { kind: 'byte', byte };
      throw regexError(end < 0 ? 'Unmatched \\{' : 'Invalid content of \\{\\}');
    }
    const [, low = '', comma, high = ''] = match;
    if (low === '' && comma === '') throw regexError('Invalid content of \\{\\}');
    const min = Number(low);
    const max = comma === '' ? min : high === '' ? Number.POSITIVE_INFINITY : Number(high);
    if (min > max) throw regexError('Invalid content of \\{\\}');
    if (min > MAX_REPEAT || (max > MAX_REPEAT && high !== '')) throw regexError('Regular expression too big');
    this.#at += end + close.length;
    return { kind: 'repeat', min, max };
  }
}

/** The expression that matches exactly these bytes. */
export function literalNode(bytes: Uint8Array, ignoreCase: boolean): RegexNode {
  if (bytes.length === 0) return EMPTY;
  const items = Array.from(bytes, (byte): RegexNode => {
    const set = setOf((c) => c === byte);
    return { kind: 'set', set: ignoreCase ? foldCase(set) : set };
  });
  return { kind: 'sequence', items };
}

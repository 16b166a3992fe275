import { classSet, foldCase, regexError, setOf } from './syntax.js';

const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const MINUS = 0x2d;
const NEWLINE = 0x0a;
const UNMATCHED = 'Unmatched [, [^, [:, [., or [=';

/**
 * A bracket expression of POSIX regular expressions, in the POSIX locale.
 * @param start offset after the opening bracket
 * @throws UsageError
 */
export function parseBracket(
  pattern: Uint8Array,
  start: number,
  ignoreCase: boolean,
): { readonly set: Uint8Array; readonly end: number } {
  let at = start;
  const isNegated = pattern[at] === CARET;
  if (isNegated) at++;
  const set = new Uint8Array(256);
  for (const first = at; ; ) {
    const byte = pattern[at];
    if (byte === undefined) throw regexError(UNMATCHED);
    if (byte === CLOSE && at > first) break;
    const from = parseItem(pattern, at);
    at = from.end;
    const { members } = from;
    for (let c = 0; members !== undefined && c < 256; c++) if (members[c] === 1) set[c] = 1;
    const isRange = pattern[at] === MINUS && pattern[at + 1] !== CLOSE;
    if (!isRange) {
      if (from.members === undefined) set[from.byte] = 1;
      continue;
    }
    if (pattern[at + 1] === undefined) throw regexError(UNMATCHED);
    const to = parseItem(pattern, at + 1);
    at = to.end;
    const isBad = from.members !== undefined || to.members !== undefined || from.byte > to.byte;
    // A second minus that is not the last would begin a range at the end of one.
    if (isBad || (pattern[at] === MINUS && pattern[at + 1] !== CLOSE)) throw regexError('Invalid range end');
    for (let c = from.byte; c <= to.byte; c++) set[c] = 1;
  }
  rejectBareClass(pattern.subarray(start, at));
  const folded = ignoreCase ? foldCase(set) : set;
  return { set: isNegated ? setOf((c) => folded[c] === 0 && c !== NEWLINE) : folded, end: at + 1 };
}

interface Item {
  readonly byte: number;
  /** Of a class. */
  readonly members?: Uint8Array;
  readonly end: number;
}

/** One byte, `[:class:]`, `[=x=]` or `[.x.]`. */
function parseItem(pattern: Uint8Array, at: number): Item {
  const byte = pattern[at]!;
  const mark = pattern[at + 1];
  const kind = mark === undefined ? '' : String.fromCharCode(mark);
  if (byte !== OPEN || !':=.'.includes(kind) || kind === '') return { byte, end: at + 1 };
  let end = at + 2;
  while (end < pattern.length && !(pattern[end] === mark && pattern[end + 1] === CLOSE)) end++;
  if (end >= pattern.length) throw regexError(UNMATCHED);
  const name = String.fromCharCode(...pattern.subarray(at + 2, Math.min(end, at + 34)));
  if (kind === ':') return { byte, members: classSet(name), end: end + 2 };
  if (end - at !== 3) throw regexError('Invalid collation character');
  return { byte: pattern[at + 2]!, end: end + 2 };
}

/** `[:space:]` alone is a mistake that grep(1) points out. */
function rejectBareClass(inside: Uint8Array): void {
  const colon = 0x3a;
  if (inside.length > 2 && inside[0] === colon && inside.at(-1) === colon) {
    throw regexError('character class syntax is [[:space:]], not [:space:]');
  }
}

import { toHex, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { decodeUnits } from './names.js';
import {
  ATTRIBUTE_PREFIXES,
  Base,
  CONDITION_SIGNATURE,
  EXISTENCE,
  encodeName,
  Literal,
  Logic,
  MAX_NESTING,
  MEMBERSHIP,
  RELATIONS,
  Sign,
} from './sddl-operators.js';
import { formatSid, sidLength } from './sid.js';

const CITATION = '[MS-DTYP] section 2.4.4.17';
const INTEGER_SIZE = 10;

/** What stands on the stack: text, and how tightly it binds. */
interface Term {
  readonly text: string;
  readonly kind: 'value' | 'sids' | 'attribute' | 'condition' | 'and' | 'or';
  readonly depth: number;
}

function broken(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'conditional ACE', reason, citation: CITATION });
}

/** Reads one token after the other. */
class Tokens {
  at: number;
  readonly #view: DataView;

  constructor(
    readonly data: Uint8Array,
    from: number,
    readonly sidText: (sid: string) => string,
  ) {
    this.#view = viewOf(data);
    this.at = from;
  }

  get isAtEnd(): boolean {
    return this.at >= this.data.length;
  }

  code(): number {
    return this.data[this.at++]!;
  }

  #bytes(length: number): Uint8Array {
    if (this.at + length > this.data.length) throw broken(`${length} bytes at ${this.at} of ${this.data.length}`);
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }

  /** Bytes behind their length. */
  counted(): Uint8Array {
    if (this.at + 4 > this.data.length) throw broken('it breaks off');
    this.at += 4;
    return this.#bytes(this.#view.getUint32(this.at - 4, true));
  }

  /** A literal; undefined when `code` is none. */
  literal(code: number, depth: number): Term | undefined {
    if (code >= Literal.int8 && code <= Literal.int64) return { text: this.#integer(), kind: 'value', depth };
    if (code === Literal.octets) return { text: `#${toHex(this.counted())}`, kind: 'value', depth };
    if (code === Literal.sid) return { text: this.#sid(), kind: 'sids', depth };
    if (code === Literal.list) return this.#list(depth);
    if (code !== Literal.text) return undefined;
    const text = decodeUnits(this.counted());
    if (text.includes('"')) {
      throw new UnsupportedFeatureError({
        feature: 'a quotation mark in a condition as SDDL',
        workaround: 'use the bytes',
      });
    }
    return { text: `"${text}"`, kind: 'value', depth };
  }

  #integer(): string {
    const bytes = this.#bytes(INTEGER_SIZE);
    const value = viewOf(bytes).getBigInt64(0, true);
    const [sign, base] = [bytes[8]!, bytes[9]!];
    const size = value < 0n ? -value : value;
    const digits =
      base === Base.octal ? `0${size.toString(8)}` : base === Base.hexadecimal ? `0x${size.toString(16)}` : `${size}`;
    return `${value < 0n ? '-' : sign === Sign.plus ? '+' : ''}${digits}`;
  }

  #sid(): string {
    const bytes = this.counted();
    if (sidLength(bytes) !== bytes.length) throw broken('an identifier of a wrong length');
    return `SID(${this.sidText(formatSid(bytes))})`;
  }

  #list(depth: number): Term {
    if (depth >= MAX_NESTING) throw broken(`lists more than ${MAX_NESTING} levels deep`);
    const inner = new Tokens(this.counted(), 0, this.sidText);
    const items: Term[] = [];
    while (!inner.isAtEnd) {
      const item = inner.literal(inner.code(), depth + 1);
      if (item === undefined) throw broken('a list with something else than literals');
      items.push(item);
    }
    const kind = items.length > 0 && items.every((item) => item.kind === 'sids') ? 'sids' : 'value';
    return { text: `{${items.map(({ text }) => text).join(', ')}}`, kind, depth };
  }
}

/**
 * A conditional expression as SDDL text, without the parentheses around it.
 * @param data what follows the identifier of the entry
 * @throws CorruptImageError when it is no expression; UnsupportedFeatureError when it is of another kind, or has no text
 */
export function formatCondition(data: Uint8Array, sidText: (sid: string) => string): string {
  if (CONDITION_SIGNATURE.some((byte, i) => data[i] !== byte)) {
    throw new UnsupportedFeatureError({ feature: 'data of a callback entry as SDDL', workaround: 'use the bytes' });
  }
  const tokens = new Tokens(data, CONDITION_SIGNATURE.length, sidText);
  const stack: Term[] = [];
  while (!tokens.isAtEnd) {
    const code = tokens.code();
    if (code === Literal.padding) continue;
    const prefix = ATTRIBUTE_PREFIXES.get(code);
    if (prefix === undefined) stack.push(tokens.literal(code, 0) ?? operation(code, stack));
    else {
      const name = encodeName(decodeUnits(tokens.counted()), prefix !== '');
      stack.push({ text: prefix + name, kind: 'attribute', depth: 0 });
    }
  }
  const [whole] = stack;
  if (stack.length !== 1 || !isCondition(whole)) throw broken('its parts do not make one condition');
  return whole!.text;
}

const isCondition = (term: Term | undefined): boolean =>
  term !== undefined && term.kind !== 'value' && term.kind !== 'sids';

function operation(code: number, stack: Term[]): Term {
  const take = (...kinds: readonly Term['kind'][]): Term => {
    const term = stack.pop();
    if (term === undefined || !kinds.includes(term.kind))
      throw broken(`operator 0x${code.toString(16)} has no operand`);
    if (term.depth > MAX_NESTING) throw broken(`more than ${MAX_NESTING} levels deep`);
    return term;
  };
  const membership = MEMBERSHIP.get(code);
  if (membership !== undefined) {
    const { text } = take('sids');
    return { text: `${membership} ${text.startsWith('{') ? text : `{${text}}`}`, kind: 'condition', depth: 1 };
  }
  const existence = EXISTENCE.get(code);
  if (existence !== undefined) return { text: `${existence} ${take('attribute').text}`, kind: 'condition', depth: 1 };
  const relation = RELATIONS.get(code);
  if (relation !== undefined) {
    const right = take('attribute', 'value', 'sids');
    return { text: `${take('attribute').text} ${relation} ${right.text}`, kind: 'condition', depth: 1 };
  }
  const right = take('condition', 'attribute', 'and', 'or');
  if (code === Logic.not) return { text: `!(${right.text})`, kind: 'condition', depth: right.depth + 1 };
  if (code !== Logic.and && code !== Logic.or) throw broken(`token 0x${code.toString(16)}`);
  const left = take('condition', 'attribute', 'and', 'or');
  const kind = code === Logic.and ? 'and' : 'or';
  const depth = Math.max(left.depth, right.depth) + 1;
  return { text: `${side(left, kind, false)} ${kind === 'and' ? '&&' : '||'} ${side(right, kind, true)}`, kind, depth };
}

/** An operand in parentheses where it would be read otherwise: operators of one kind join from the left. */
function side({ text, kind }: Term, outer: 'and' | 'or', isRight: boolean): string {
  const isTighter = kind === 'condition' || kind === 'attribute' || (kind === 'and' && outer === 'or');
  const bare = isTighter || (kind === outer && !isRight);
  return bare ? text : `(${text})`;
}

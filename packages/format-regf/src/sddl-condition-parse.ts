import { concatBytes, encodeUtf16, fromHex, viewOf } from '@vmcraft/core/binary';
import { UsageError } from '@vmcraft/core/errors';
import {
  ATTRIBUTE_PREFIXES,
  Base,
  CONDITION_SIGNATURE,
  decodeName,
  EXISTENCE,
  Literal,
  Logic,
  MAX_NESTING,
  MEMBERSHIP,
  RELATIONS,
  Sign,
} from './sddl-operators.js';

const MAX_INTEGER = (1n << 63n) - 1n;
const SPACE = /\s*/y;
const NAME = /(@[a-z]+\.)?((?:[\w:./#$'*+\-;?@[\\\]^`~\u0080-\uffff]|%[0-9a-f]{4})+)/iy;
const INTEGER = /([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)/iy;
const TEXT = /"([^"]*)"/y;
const OCTETS = /#([0-9a-f#]*)/iy;
const SID = /SID\(([^()]*)\)/iy;

const byText = (table: ReadonlyMap<number, string>): readonly (readonly [string, number])[] =>
  // The longest first: `Member_of_Any` begins with `Member_of`.
  [...table].map(([code, text]) => [text, code] as const).sort((a, b) => b[0].length - a[0].length);
const UNARY = byText(new Map([...EXISTENCE, ...MEMBERSHIP]));
const BINARY = byText(RELATIONS);

/** Bytes behind a code and their length. */
function counted(code: number, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(5 + data.length);
  out[0] = code;
  viewOf(out).setUint32(1, data.length, true);
  out.set(data, 5);
  return out;
}

/** Whether a list is one of identifiers, and has some. */
function hasOnlySids(list: Uint8Array): boolean {
  const view = viewOf(list);
  let at = 5;
  while (at < list.length && list[at] === Literal.sid) at += 5 + view.getUint32(at + 1, true);
  return list.length > 5 && at === list.length;
}

/** Text of an expression, from left to right; what is read comes out with operators behind their operands. */
class Expression {
  #at = 0;

  constructor(
    readonly text: string,
    readonly sid: (text: string) => Uint8Array,
  ) {}

  fail(): UsageError {
    return new UsageError(`SDDL: no condition goes on with '${this.text.slice(this.#at)}'`, { argument: 'sddl' });
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    this.#space();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text);
    if (found !== null) this.#at += found[0].length;
    return found;
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    this.#at += SPACE.exec(this.text)![0].length;
  }

  #takes(token: string): boolean {
    this.#space();
    if (this.text.slice(this.#at, this.#at + token.length).toLowerCase() !== token.toLowerCase()) return false;
    this.#at += token.length;
    return true;
  }

  /** One of these operators; words end where no letter follows. */
  #operator(table: readonly (readonly [string, number])[]): number | undefined {
    const before = this.#at;
    for (const [text, code] of table) {
      if (this.#takes(text) && !(/\w$/.test(text) && /[\w.:/]/.test(this.text[this.#at] ?? ''))) return code;
      this.#at = before;
    }
    return undefined;
  }

  whole(): Uint8Array {
    const out = this.#or(0);
    this.#space();
    if (this.#at < this.text.length) throw this.fail();
    return out;
  }

  #or(depth: number): Uint8Array {
    const parts = [this.#and(depth)];
    while (this.#takes('||')) parts.push(this.#and(depth), Uint8Array.of(Logic.or));
    return concatBytes(parts);
  }

  #and(depth: number): Uint8Array {
    const parts = [this.#term(depth)];
    while (this.#takes('&&')) parts.push(this.#term(depth), Uint8Array.of(Logic.and));
    return concatBytes(parts);
  }

  #term(depth: number): Uint8Array {
    if (depth > MAX_NESTING) throw this.fail();
    if (this.#takes('!')) return concatBytes([this.#term(depth + 1), Uint8Array.of(Logic.not)]);
    if (this.#takes('(')) {
      const inner = this.#or(depth + 1);
      if (!this.#takes(')')) throw this.fail();
      return inner;
    }
    const unary = this.#operator(UNARY);
    if (unary !== undefined) {
      const operand = EXISTENCE.has(unary) ? this.#attribute() : this.#identifiers();
      if (operand === undefined) throw this.fail();
      return concatBytes([operand, Uint8Array.of(unary)]);
    }
    const left = this.#attribute();
    if (left === undefined) throw this.fail();
    const relation = this.#operator(BINARY);
    if (relation === undefined) return left;
    const right = this.#value(0) ?? this.#attribute();
    if (right === undefined) throw this.fail();
    return concatBytes([left, right, Uint8Array.of(relation)]);
  }

  #attribute(): Uint8Array | undefined {
    const [, prefix = '', name] = this.#match(NAME) ?? [];
    if (name === undefined) return undefined;
    for (const [code, known] of ATTRIBUTE_PREFIXES) {
      if (known.toLowerCase() === prefix.toLowerCase()) return counted(code, encodeUtf16(decodeName(name)));
    }
    throw this.fail();
  }

  /** One identifier, or a list of them: both are kept as a list. */
  #identifiers(): Uint8Array | undefined {
    const value = this.#value(0);
    if (value?.[0] === Literal.sid) return counted(Literal.list, value);
    return value?.[0] === Literal.list && hasOnlySids(value) ? value : undefined;
  }

  #value(depth: number): Uint8Array | undefined {
    if (depth > MAX_NESTING) throw this.fail();
    if (this.#takes('{')) return this.#list(depth);
    const text = this.#match(TEXT);
    if (text !== null) return counted(Literal.text, encodeUtf16(text[1]!));
    const octets = this.#match(OCTETS);
    if (octets !== null) {
      // Inside, the sign is another way to write a zero.
      const digits = octets[1]!.replaceAll('#', '0');
      return counted(Literal.octets, fromHex(digits.length % 2 === 0 ? digits : `0${digits}`));
    }
    const sid = this.#match(SID);
    if (sid !== null) return counted(Literal.sid, this.sid(sid[1]!.trim()));
    const integer = this.#match(INTEGER);
    return integer === null ? undefined : this.#integer(integer[1]!, integer[2]!);
  }

  #list(depth: number): Uint8Array {
    const items: Uint8Array[] = [];
    if (!this.#takes('}')) {
      do {
        const item = this.#value(depth + 1);
        if (item === undefined) throw this.fail();
        items.push(item);
      } while (this.#takes(','));
      if (!this.#takes('}')) throw this.fail();
    }
    return counted(Literal.list, concatBytes(items));
  }

  #integer(sign: string, digits: string): Uint8Array {
    const isHex = /^0x/i.test(digits);
    const isOctal = !isHex && digits.length > 1 && digits.startsWith('0');
    const size = BigInt(isOctal ? `0o${digits.slice(1)}` : digits);
    const value = sign === '-' ? -size : size;
    if (value > MAX_INTEGER || value < -MAX_INTEGER - 1n) throw this.fail();
    const out = new Uint8Array(11);
    out[0] = Literal.int64;
    viewOf(out).setBigInt64(1, value, true);
    out[9] = sign === '-' ? Sign.minus : sign === '+' ? Sign.plus : Sign.none;
    out[10] = isHex ? Base.hexadecimal : isOctal ? Base.octal : Base.decimal;
    return out;
  }
}

/**
 * The bytes of a conditional expression, [MS-DTYP] section 2.5.1.1 "cond-expr".
 * @param text without the parentheses around it
 * @throws UsageError when the text is none
 */
export function parseCondition(text: string, sid: (text: string) => Uint8Array): Uint8Array {
  const bytes = concatBytes([CONDITION_SIGNATURE, new Expression(text, sid).whole()]);
  const out = new Uint8Array((bytes.length + 3) & ~3);
  out.set(bytes);
  return out;
}

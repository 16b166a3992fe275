import { encodeUtf16 } from '@vmcraft/core/binary';
import { UsageError } from '@vmcraft/core/errors';
import { decodeAnsi, REG_HEADER, type RegVersion } from './reg-text.js';
import { encodeData } from './value-codec.js';
import { RegistryType } from './value-types.js';

/** A value line of a .reg file. */
export interface RegValue {
  /** Empty for the default value. */
  readonly name: string;
  /** What to set; undefined deletes the value. */
  readonly set: { readonly type: number; readonly data: Uint8Array } | undefined;
}

/** A key of a .reg file with its values. */
export interface RegEntry {
  /** As written, such as `HKEY_LOCAL_MACHINE\SOFTWARE\Vendor`. */
  readonly path: string;
  /** Delete the key with all below it. */
  readonly isDeleted: boolean;
  readonly values: readonly RegValue[];
  /** Number of its line, from 1. */
  readonly line: number;
}

const MAX_TYPE_DIGITS = 8;
const ANSI_STRINGS: ReadonlySet<number> = new Set([
  RegistryType.REG_SZ,
  RegistryType.REG_EXPAND_SZ,
  RegistryType.REG_MULTI_SZ,
]);

/** Reads the text of a .reg file from its start to its end. */
class RegReader {
  readonly #text: string;
  #at = 0;
  version: RegVersion = 5;

  constructor(text: string) {
    this.#text = text.replace(/^\ufeff/, '');
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  line(): number {
    let count = 1;
    for (let at = this.#text.indexOf('\n'); at >= 0 && at < this.#at; at = this.#text.indexOf('\n', at + 1)) count++;
    return count;
  }

  fail(reason: string): UsageError {
    return new UsageError(`.reg file, line ${this.line()}: ${reason}`, { argument: 'text' });
  }

  /** What matches here; the reader goes on after it. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }

  /** Pass empty lines and comments. */
  skip(): void {
    while (this.take(/[ \t\r\n]+|;[^\n]*/y) !== undefined);
  }

  /** A quoted text; a line end within it belongs to it. */
  quoted(): string | undefined {
    if (this.take(/"/y) === undefined) return undefined;
    const parts: string[] = [];
    for (;;) {
      const plain = this.take(/[^"\\]+/y);
      if (plain !== undefined) parts.push(plain[0]);
      else if (this.take(/"/y) !== undefined) return parts.join('');
      else {
        const escaped = this.take(/\\([\s\S])/y);
        if (escaped === undefined) throw this.fail('a text without its closing quote');
        parts.push(escaped[1]!);
      }
    }
  }

  endOfLine(): void {
    if (this.take(/[ \t]*(?:;[^\n]*)?(?:\r?\n|\r|$)/y) === undefined) throw this.fail('more than a value on this line');
  }
}

function header(reader: RegReader): void {
  reader.skip();
  const match = reader.take(/(REGEDIT4|Windows Registry Editor Version 5\.00)[ \t]*(?:\r?\n|$)/y);
  if (match === undefined) throw reader.fail(`it does not begin with '${REG_HEADER[5]}' or '${REG_HEADER[4]}'`);
  reader.version = match[1] === REG_HEADER[4] ? 4 : 5;
}

/** Bytes after `hex:`; a backslash at the end of a line continues it. */
function hexBytes(reader: RegReader): Uint8Array {
  let text = '';
  for (;;) {
    const part = reader.take(/[0-9a-f, \t]{1,4096}/iy);
    if (part !== undefined) text += part[0];
    else if (reader.take(/\\[ \t]*\r?\n/y) === undefined) break;
  }
  const items = text.split(',');
  if (items.at(-1)!.trim() === '') items.pop();
  return Uint8Array.from(items, (item) => {
    const byte = item.trim();
    if (!/^[0-9a-f]{1,2}$/i.test(byte)) throw reader.fail(`'${byte}' is no byte`);
    return Number.parseInt(byte, 16);
  });
}

function typed(reader: RegReader): RegValue['set'] {
  const hex = reader.take(/hex(?:\(([0-9a-f]+)\))?:/iy);
  if (hex !== undefined) {
    if ((hex[1]?.length ?? 0) > MAX_TYPE_DIGITS) throw reader.fail(`no value type ${hex[1]}`);
    const type = hex[1] === undefined ? RegistryType.REG_BINARY : Number.parseInt(hex[1], 16);
    const data = hexBytes(reader);
    const isAnsi = reader.version === 4 && ANSI_STRINGS.has(type);
    return { type, data: isAnsi ? encodeUtf16(decodeAnsi(data)) : data };
  }
  const dword = reader.take(/dword:[ \t]*([0-9a-f]{1,8})/iy);
  if (dword !== undefined) {
    const type = RegistryType.REG_DWORD;
    return { type, data: encodeData(type, Number.parseInt(dword[1]!, 16)) };
  }
  const text = reader.quoted();
  if (text === undefined) throw reader.fail('a value that is neither text, dword nor hex');
  return { type: RegistryType.REG_SZ, data: encodeUtf16(`${text}\0`) };
}

function parseValue(reader: RegReader): RegValue {
  const name = reader.take(/@/y) !== undefined ? '' : reader.quoted();
  if (name === undefined) throw reader.fail('neither a key nor a value');
  if (reader.take(/[ \t]*=[ \t]*/y) === undefined) throw reader.fail("a value's name without '='");
  const set = reader.take(/-/y) !== undefined ? undefined : typed(reader);
  reader.endOfLine();
  return { name, set };
}

/**
 * The keys and values of the text of a .reg file, version 4 or 5; see {@link decodeRegFile}.
 * @throws UsageError naming the first line that is none of a .reg file
 */
export function parseReg(text: string): RegEntry[] {
  const reader = new RegReader(text);
  const entries: (RegEntry & { values: RegValue[] })[] = [];
  header(reader);
  for (reader.skip(); !reader.isAtEnd; reader.skip()) {
    const key = reader.take(/\[(-?)([^\r\n]*)\][ \t]*(?:;[^\n]*)?(?:\r?\n|$)/y);
    if (key !== undefined) {
      entries.push({ path: key[2]!, isDeleted: key[1] === '-', values: [], line: reader.line() - 1 });
      continue;
    }
    const current = entries.at(-1);
    if (current === undefined) throw reader.fail('a value before any key');
    if (current.isDeleted) throw reader.fail('a value of a key that is deleted');
    current.values.push(parseValue(reader));
  }
  return entries;
}

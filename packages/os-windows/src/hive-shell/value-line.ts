import { encodeUtf16, fromHex, toHex } from '@vmcraft/core/binary';
import { UsageError } from '@vmcraft/core/errors';
import { decodeString, type HiveValue, RegistryType } from '@vmcraft/format-regf';

/** A value as `setval` writes it. */
export interface TypedBytes {
  readonly type: number;
  readonly bytes: Uint8Array;
}

const TEXT_TYPES: ReadonlySet<number> = new Set([
  RegistryType.REG_SZ,
  RegistryType.REG_EXPAND_SZ,
  RegistryType.REG_LINK,
]);
const NUMBER = /^(?:0x[0-9a-f]+|\d+)$/i;

/** A value as hivexsh's `lsval` lists it: `"Start"=dword:00000002`. */
export function formatValue(value: HiveValue): string {
  const name = value.name === '' ? '@' : value.name;
  return `"${escaped(name)}"=${data(value)}`;
}

function data({ type, raw }: HiveValue): string {
  if (TEXT_TYPES.has(type))
    return `${type === RegistryType.REG_SZ ? '' : `str(${type}):`}"${escaped(decodeString(raw))}"`;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  if (raw.length === 4 && type === RegistryType.REG_DWORD) return `dword:${hex(view.getUint32(0, true))}`;
  if (raw.length === 4 && type === RegistryType.REG_DWORD_BIG_ENDIAN) return `dword:${hex(view.getUint32(0))}`;
  return `hex(${type}):${[...raw].map((byte) => toHex(Uint8Array.of(byte))).join(',')}`;
}

/** The data of one value alone, as `lsval NAME` prints it: text and numbers as they are, the rest in hexadecimal. */
export function formatData(value: HiveValue): string {
  const { type, raw } = value;
  if (TEXT_TYPES.has(type)) return decodeString(raw);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  if (raw.length === 4 && type === RegistryType.REG_DWORD) return String(view.getInt32(0, true));
  if (raw.length === 4 && type === RegistryType.REG_DWORD_BIG_ENDIAN) return String(view.getInt32(0));
  if (raw.length === 8 && type === RegistryType.REG_QWORD) return String(view.getBigInt64(0, true));
  return data(value);
}

const hex = (number: number): string => number.toString(16).padStart(8, '0');
const escaped = (text: string): string => text.replace(/[\\"]/g, '\\$&');

/**
 * What a line of `setval` stands for: `none`, `string:…`, `expandstring:…`, `dword:…`, `qword:…` or `hex:TYPE:BYTES`.
 * @throws UsageError for anything else
 */
export function parseValueLine(line: string): TypedBytes {
  const [kind = '', ...rest] = line.split(':');
  const text = rest.join(':');
  switch (kind.trim()) {
    case 'none':
      return { type: RegistryType.REG_NONE, bytes: new Uint8Array(0) };
    case 'string':
      return { type: RegistryType.REG_SZ, bytes: encodeUtf16(`${text}\0`) };
    case 'expandstring':
      return { type: RegistryType.REG_EXPAND_SZ, bytes: encodeUtf16(`${text}\0`) };
    case 'dword':
      return { type: RegistryType.REG_DWORD, bytes: integer(text, 4) };
    case 'qword':
      return { type: RegistryType.REG_QWORD, bytes: integer(text, 8) };
    case 'hex':
      return hexLine(text);
    default:
      throw new UsageError(`'${line}' is no value`, {
        hint: 'write none, string:TEXT, expandstring:TEXT, dword:N, qword:N or hex:TYPE:BYTES',
      });
  }
}

/** Little-endian; numbers are decimal, hexadecimal with 0x, or octal with a leading 0, as strtoull(3) reads them. */
function integer(text: string, size: 4 | 8): Uint8Array {
  const word = text.trim();
  if (!NUMBER.test(word)) throw new UsageError(`'${word}' is no number`);
  const value = BigInt(/^0[0-7]+$/.test(word) ? `0o${word.slice(1)}` : word);
  if (value >= 1n << BigInt(size * 8)) throw new UsageError(`${word} does not fit ${size} bytes`);
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = Number((value >> BigInt(i * 8)) & 0xffn);
  return bytes;
}

function hexLine(text: string): TypedBytes {
  const parts = /^\s*(0x[0-9a-f]+|\d+)\s*:(.*)$/is.exec(text);
  const type = Number(parts?.[1]);
  const digits = (parts?.[2] ?? '').replace(/[^0-9a-f]/gi, '');
  if (parts === null || type > 0xffffffff || digits.length % 2 !== 0)
    throw new UsageError(`'hex:${text}' is not hex:TYPE:BYTES`);
  return { type, bytes: fromHex(digits) };
}

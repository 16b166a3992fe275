import { type ReturnKind, type StructFieldType, type StructName, structs } from '@vmcraft/core/guest';
import { toJsonValue } from './json-value.js';

/** Integer results that guestfish prints in another radix. */
const RADIX: Readonly<Record<string, (value: number) => string>> = {
  umask: octal,
  get_umask: octal,
  part_get_mbr_id: (value) => (value === 0 ? '0' : `0x${value.toString(16)}`),
};

function octal(value: number): string {
  return value === 0 ? '0' : `0${value.toString(8)}`;
}

/**
 * The text that guestfish prints for the result of an action: one piece at a time, so that long lists need no second copy.
 * @param action guestfs name of the action
 */
export function* printResult(action: string, returns: ReturnKind, value: unknown): Iterable<string | Uint8Array> {
  if (typeof returns === 'object') {
    if ('value' in returns) yield* printValue(value);
    else if ('struct' in returns) yield* printStruct(returns.struct, value as StructRecord, '');
    else yield* printStructList(returns.structList, value as readonly StructRecord[]);
    return;
  }
  switch (returns) {
    case 'void':
      return;
    case 'RBufferOut':
      yield value as Uint8Array;
      return;
    case 'RStringList':
      for (const item of value as readonly string[]) yield `${item}\n`;
      return;
    case 'RHashtable':
      for (const [key, text] of Object.entries(value as Record<string, string>)) yield `${key}: ${text}\n`;
      return;
    case 'RConstOptString':
      yield `${(value as string | null) ?? '(null)'}\n`;
      return;
    default:
      yield `${printScalar(action, value)}\n`;
  }
}

/** A plain value: text and numbers as they are, lists a line each, bytes in hexadecimal, the rest as JSON. */
function* printValue(value: unknown): Iterable<string> {
  if (value === undefined || value === null) return;
  if (value instanceof Uint8Array) yield `${Buffer.from(value).toString('hex')}\n`;
  else if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    for (const item of value) yield `${item}\n`;
  } else if (typeof value === 'object') yield `${JSON.stringify(toJsonValue(value), undefined, 2)}\n`;
  else yield `${String(value)}\n`;
}

function printScalar(action: string, value: unknown): string {
  const radix = RADIX[action];
  return radix !== undefined && typeof value === 'number' ? radix(value) : String(value);
}

type StructRecord = Readonly<Record<string, string | number | bigint | Uint8Array>>;

function* printStruct(name: StructName, record: StructRecord, indent: string): Iterable<string> {
  for (const [field, type] of Object.entries(structs[name]) as [string, StructFieldType][]) {
    yield `${indent}${field}: ${printField(type, record[field]!)}\n`;
  }
}

function* printStructList(name: StructName, records: readonly StructRecord[]): Iterable<string> {
  for (const [index, record] of records.entries()) {
    yield `[${index}] = {\n`;
    yield* printStruct(name, record, '  ');
    yield '}\n';
  }
}

function printField(type: StructFieldType, value: string | number | bigint | Uint8Array): string {
  if (type === 'FBuffer') return escapeBytes(value as Uint8Array);
  if (type === 'FOptPercent') return Number(value) >= 0 ? `${value} %` : '';
  return String(value);
}

/** Bytes with everything but printable ASCII as `\xNN`. */
export function escapeBytes(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) {
    out += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return out;
}

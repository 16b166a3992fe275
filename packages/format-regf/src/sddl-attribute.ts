import { concatBytes, encodeUtf16, fromHex, struct, toHex, u16le, u32le, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, UnsupportedFeatureError, UsageError } from '@vmcraft/core/errors';
import { decodeUnits } from './names.js';
import { decodeName, encodeName } from './sddl-operators.js';
import { formatSid } from './sid.js';

/** CLAIM_SECURITY_ATTRIBUTE_RELATIVE_V1, [MS-DTYP] section 2.4.10.1; offsets of the values follow. All offsets count from its beginning. */
const AttributeHeader = struct('CLAIM_SECURITY_ATTRIBUTE_RELATIVE_V1', 16, {
  name: [0, u32le],
  type: [4, u16le],
  flags: [8, u32le],
  count: [12, u32le],
});

/** Types of values, and their names in text. [MS-DTYP] sections 2.4.10.1, 2.5.1.1. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'TI'],
  [2, 'TU'],
  [3, 'TS'],
  [5, 'TD'],
  [6, 'TB'],
  [16, 'TX'],
]);
const STRING = 'TS';
/** Most values: an ACL has no room for more. */
const MAX_VALUES = 8192;

function broken(reason: string): CorruptImageError {
  return new CorruptImageError({
    structure: 'resource attribute ACE',
    reason,
    citation: '[MS-DTYP] section 2.4.10.1',
  });
}

function textAt(data: Uint8Array, offset: number): string {
  for (let end = offset; end + 2 <= data.length; end += 2) {
    if (data[end] === 0 && data[end + 1] === 0) return decodeUnits(data, offset, end - offset);
  }
  throw broken(`no text ends behind ${offset}`);
}

/** Bytes behind their length. */
function countedAt(data: Uint8Array, offset: number): Uint8Array {
  const length = offset + 4 > data.length ? -1 : viewOf(data).getUint32(offset, true);
  if (length < 0 || offset + 4 + length > data.length) throw broken(`a value at ${offset} of ${data.length} bytes`);
  return data.subarray(offset + 4, offset + 4 + length);
}

function numberAt(data: Uint8Array, offset: number): bigint {
  if (offset + 8 > data.length) throw broken(`a value at ${offset} of ${data.length} bytes`);
  return viewOf(data).getBigUint64(offset, true);
}

function quoted(text: string): string {
  if (!text.includes('"')) return `"${text}"`;
  throw new UnsupportedFeatureError({
    feature: 'a quotation mark in an attribute as SDDL',
    workaround: 'use the bytes',
  });
}

function valueText(data: Uint8Array, type: string, offset: number, sidText: (sid: string) => string): string {
  switch (type) {
    case 'TI':
      return String(BigInt.asIntN(64, numberAt(data, offset)));
    case 'TU':
    case 'TB':
      return String(numberAt(data, offset));
    case STRING:
      return quoted(textAt(data, offset));
    case 'TD':
      return sidText(formatSid(countedAt(data, offset)));
    default:
      return `#${toHex(countedAt(data, offset))}`;
  }
}

/**
 * A resource attribute as SDDL text, without the parentheses around it.
 * @throws CorruptImageError when it is none; UnsupportedFeatureError for types without a name
 */
export function formatAttribute(data: Uint8Array, sidText: (sid: string) => string): string {
  const { name, type, flags, count } = AttributeHeader.decode(data);
  const code = TYPES.get(type);
  if (code === undefined) {
    throw new UnsupportedFeatureError({
      feature: `attribute values of type ${type} as SDDL`,
      workaround: 'use the bytes',
    });
  }
  const end = AttributeHeader.size + count * 4;
  if (count > MAX_VALUES || end > data.length) throw broken(`${count} values in ${data.length} bytes`);
  const view = viewOf(data);
  const values: string[] = [];
  for (let at = AttributeHeader.size; at < end; at += 4) {
    values.push(valueText(data, code, view.getUint32(at, true), sidText));
  }
  return [`"${encodeName(textAt(data, name), true)}"`, code, `0x${flags.toString(16)}`, ...values].join(',');
}

function wrong(text: string): UsageError {
  return new UsageError(`SDDL: '${text}' is no resource attribute`, { argument: 'sddl' });
}

const nulTerminated = (text: string): Uint8Array => encodeUtf16(`${text}\0`);

function counted(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + bytes.length);
  viewOf(out).setUint32(0, bytes.length, true);
  out.set(bytes, 4);
  return out;
}

function integer(text: string, type: string): Uint8Array {
  const match = /^([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.exec(text);
  if (match === null) throw wrong(text);
  const digits = match[2]!;
  const size = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const value = match[1] === '-' ? -size : size;
  const fits = type === 'TI' ? BigInt.asIntN(64, value) === value : BigInt.asUintN(64, value) === value;
  if (!fits || (type === 'TB' && value > 1n)) throw wrong(text);
  const out = new Uint8Array(8);
  viewOf(out).setBigUint64(0, BigInt.asUintN(64, value), true);
  return out;
}

function valueBytes(text: string, type: string, sid: (text: string) => Uint8Array): Uint8Array {
  if (type === 'TD') return counted(sid(text));
  if (type === STRING) {
    if (!/^"[^"\0]*"$/.test(text)) throw wrong(text);
    return nulTerminated(text.slice(1, -1));
  }
  if (type !== 'TX') return integer(text, type);
  const digits = text.replace(/^#/, '').replaceAll('#', '0');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw wrong(text);
  return counted(fromHex(digits));
}

/**
 * The bytes of a resource attribute, [MS-DTYP] section 2.5.1.1 "attribute-data".
 * @throws UsageError when the text is none
 */
export function parseAttribute(text: string, sid: (text: string) => Uint8Array): Uint8Array {
  const fields = [...text.matchAll(/\s*("[^"]*"|[^,"]*?)\s*(?:,|$)/gy)].map(([, field]) => field!);
  const [name = '', code = '', flags = '', ...values] = text.trim().endsWith(',') ? [] : fields.slice(0, -1);
  const type = [...TYPES].find(([, known]) => known === code.toUpperCase());
  if (type === undefined || !/^"[^"]+"$/.test(name) || !/^(0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.test(flags))
    throw wrong(text);
  if (values.length === 0 || values.length > MAX_VALUES || Number(flags) > 0xffffffff) throw wrong(text);
  const parts = [
    nulTerminated(decodeName(name.slice(1, -1))),
    ...values.map((value) => valueBytes(value, type[1], sid)),
  ];
  const header = new Uint8Array(AttributeHeader.size + values.length * 4);
  const view = viewOf(header);
  let at = header.length;
  const padded = parts.map((part, i) => {
    const out = new Uint8Array((part.length + 3) & ~3);
    out.set(part);
    if (i > 0) view.setUint32(AttributeHeader.size + (i - 1) * 4, at, true);
    at += out.length;
    return out;
  });
  const fixed = { name: header.length, type: type[0], flags: Number(flags), count: values.length };
  AttributeHeader.encodeInto(fixed, header);
  return concatBytes([header, ...padded]);
}

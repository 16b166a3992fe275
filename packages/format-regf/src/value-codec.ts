import { encodeUtf16, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError, UsageError } from '@vmcraft/core/errors';
import { decodeUnits } from './names.js';
import { type RegistryData, RegistryType, type RegistryTypeLike, registryTypeName } from './value-types.js';

const MAX_DWORD = 0xffffffff;
const MAX_QWORD = 0xffffffffffffffffn;

/** Text of a type for messages. */
export function describeType(type: number): string {
  return registryTypeName(type) ?? `type 0x${type.toString(16)}`;
}

/**
 * The number of a type given by name or number.
 * @throws UsageError when it is neither
 */
export function typeNumber(type: RegistryTypeLike): number {
  const number = typeof type === 'number' ? type : RegistryType[type];
  if (number === undefined || !Number.isInteger(number) || number < 0 || number > MAX_DWORD) {
    throw new UsageError(`'${type}' is no registry value type`, { argument: 'type' });
  }
  return number;
}

/** Text of `length` bytes of UTF-16LE up to its first NUL, as programs see a REG_SZ. */
export function decodeString(data: Uint8Array, from = 0, length = data.length - from): string {
  const end = from + length;
  const isTerminated = length >= 2 && length % 2 === 0 && data[end - 1] === 0 && data[end - 2] === 0;
  const text = decodeUnits(data, from, isTerminated ? length - 2 : length);
  const nul = text.indexOf('\0');
  return nul < 0 ? text : text.slice(0, nul);
}

/** Strings of a REG_MULTI_SZ: each ends with NUL, an empty one ends the list. */
export function decodeMultiString(data: Uint8Array): string[] {
  const text = decodeUnits(data);
  const out: string[] = [];
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\0', start);
    const item = text.slice(start, end < 0 ? text.length : end);
    if (item === '') break;
    out.push(item);
    start += item.length + 1;
  }
  return out;
}

function needLength(type: number, data: Uint8Array, length: number): DataView {
  if (data.length !== length) {
    throw new CorruptImageError({
      structure: `registry value of ${describeType(type)}`,
      reason: `${data.length} bytes of data where the type has ${length}`,
    });
  }
  return viewOf(data);
}

/**
 * Data of a value by its type.
 * @throws CorruptImageError when the data does not fit the type, such as a REG_DWORD of three bytes
 */
export function decodeData(type: number, data: Uint8Array): RegistryData {
  switch (type) {
    case RegistryType.REG_SZ:
    case RegistryType.REG_EXPAND_SZ:
      return decodeString(data);
    case RegistryType.REG_LINK:
      // A link's target is counted, not terminated.
      return decodeUnits(data);
    case RegistryType.REG_MULTI_SZ:
      return decodeMultiString(data);
    case RegistryType.REG_DWORD:
      return needLength(type, data, 4).getUint32(0, true);
    case RegistryType.REG_DWORD_BIG_ENDIAN:
      return needLength(type, data, 4).getUint32(0);
    case RegistryType.REG_QWORD:
      return needLength(type, data, 8).getBigUint64(0, true);
    default:
      return data;
  }
}

function misfit(type: number, wanted: string, found: unknown): UsageError {
  const kind = Array.isArray(found) ? 'a list' : found instanceof Uint8Array ? 'bytes' : typeof found;
  return new UsageError(`${describeType(type)} takes ${wanted}, not ${kind}`, { argument: 'data' });
}

function encodeText(type: number, data: RegistryData, end: string): Uint8Array {
  if (typeof data !== 'string') throw misfit(type, 'text', data);
  if (data.includes('\0'))
    throw new UsageError(`${describeType(type)} cannot hold a NUL character`, { argument: 'data' });
  return encodeUtf16(data + end);
}

function encodeMultiString(type: number, data: RegistryData): Uint8Array {
  if (!Array.isArray(data)) throw misfit(type, 'a list of text', data);
  for (const item of data as readonly unknown[]) {
    if (typeof item !== 'string') throw misfit(type, 'a list of text', item);
    if (item === '' || item.includes('\0')) {
      throw new UsageError('REG_MULTI_SZ cannot hold an empty string or a NUL character', { argument: 'data' });
    }
  }
  return encodeUtf16(`${(data as readonly string[]).map((item) => `${item}\0`).join('')}\0`);
}

function encodeDword(type: number, data: RegistryData, littleEndian: boolean): Uint8Array {
  const value = typeof data === 'bigint' ? Number(data) : data;
  if (typeof value !== 'number') throw misfit(type, 'a number', data);
  if (!Number.isInteger(value) || value < 0 || value > MAX_DWORD) {
    throw new UsageError(`${value} does not fit ${describeType(type)}, which is 0 to ${MAX_DWORD}`, {
      argument: 'data',
    });
  }
  const out = new Uint8Array(4);
  viewOf(out).setUint32(0, value, littleEndian);
  return out;
}

function encodeQword(type: number, data: RegistryData): Uint8Array {
  if (typeof data !== 'bigint' && !Number.isSafeInteger(data)) throw misfit(type, 'a whole number', data);
  const value = BigInt(data as bigint | number);
  if (value < 0n || value > MAX_QWORD) {
    throw new UsageError(`${value} does not fit ${describeType(type)}, which is 0 to ${MAX_QWORD}`, {
      argument: 'data',
    });
  }
  const out = new Uint8Array(8);
  viewOf(out).setBigUint64(0, value, true);
  return out;
}

/**
 * The bytes of data for a type; bytes are taken as they are whatever the type.
 * @throws UsageError when the data does not fit the type
 */
export function encodeData(type: number, data: RegistryData): Uint8Array {
  if (data instanceof Uint8Array) return data;
  switch (type) {
    case RegistryType.REG_SZ:
    case RegistryType.REG_EXPAND_SZ:
      return encodeText(type, data, '\0');
    case RegistryType.REG_LINK:
      return encodeText(type, data, '');
    case RegistryType.REG_MULTI_SZ:
      return encodeMultiString(type, data);
    case RegistryType.REG_DWORD:
      return encodeDword(type, data, true);
    case RegistryType.REG_DWORD_BIG_ENDIAN:
      return encodeDword(type, data, false);
    case RegistryType.REG_QWORD:
      return encodeQword(type, data);
    default:
      throw misfit(type, 'bytes', data);
  }
}

import { fromHex } from '@vmcraft/core/binary';
import { UsageError } from '@vmcraft/core/errors';
import {
  type HiveValue,
  type RegistryData,
  RegistryType,
  type RegistryTypeLike,
  registryTypeName,
  typeNumber,
} from '@vmcraft/format-regf';

/** A value as it is listed. */
export interface ListedValue {
  /** Empty for the default value. */
  readonly name: string;
  /** `REG_SZ` …, or the number of a type that has no name. */
  readonly type: string | number;
  readonly data: RegistryData;
}

/** A value with its data as its type says; bytes where they do not fit the type. */
export function listedValue(value: HiveValue): ListedValue {
  return { name: value.name, type: registryTypeName(value.type) ?? value.type, data: dataOf(value) };
}

function dataOf(value: HiveValue): RegistryData {
  try {
    return value.data;
  } catch {
    return value.raw;
  }
}

/** Short names of types, as `reg add` and people write them. */
const SHORT: Readonly<Record<string, keyof typeof RegistryType>> = {
  none: 'REG_NONE',
  sz: 'REG_SZ',
  string: 'REG_SZ',
  expand_sz: 'REG_EXPAND_SZ',
  expand: 'REG_EXPAND_SZ',
  binary: 'REG_BINARY',
  hex: 'REG_BINARY',
  dword: 'REG_DWORD',
  link: 'REG_LINK',
  multi_sz: 'REG_MULTI_SZ',
  multi: 'REG_MULTI_SZ',
  qword: 'REG_QWORD',
};

/** The number of a type: `REG_DWORD`, `dword`, `4` … @throws UsageError */
export function parseType(type: RegistryTypeLike | string): number {
  if (typeof type === 'number') return typeNumber(type);
  if (/^(0x[0-9a-f]+|\d+)$/i.test(type)) return typeNumber(Number(type));
  const short = type.toLowerCase();
  const name = Object.hasOwn(SHORT, short) ? SHORT[short]! : type.toUpperCase();
  return typeNumber(name as RegistryTypeLike);
}

/** The type that a value gets when none is said: that of the value in place, else the one its data has in JavaScript. */
export function guessType(data: RegistryData, existing: HiveValue | undefined): number {
  if (existing !== undefined) return existing.type;
  if (typeof data === 'string') return RegistryType.REG_SZ;
  if (typeof data === 'number') return RegistryType.REG_DWORD;
  if (typeof data === 'bigint') return RegistryType.REG_QWORD;
  return data instanceof Uint8Array ? RegistryType.REG_BINARY : RegistryType.REG_MULTI_SZ;
}

const NUMBER_TYPES: ReadonlySet<number> = new Set([
  RegistryType.REG_DWORD,
  RegistryType.REG_DWORD_BIG_ENDIAN,
  RegistryType.REG_QWORD,
]);
const TEXT_TYPES: ReadonlySet<number> = new Set([
  RegistryType.REG_SZ,
  RegistryType.REG_EXPAND_SZ,
  RegistryType.REG_LINK,
]);

/**
 * Data for a type from what a caller or a command line gives: numbers and bytes may be text (`0x10`, `01 ff`), and the strings of a
 * list may be divided by `\0` as `reg add` has it.
 * @throws UsageError when it does not fit the type
 */
export function dataFor(type: number, data: RegistryData): RegistryData {
  if (typeof data !== 'string' || TEXT_TYPES.has(type)) return data;
  if (NUMBER_TYPES.has(type)) {
    if (!/^(0x[0-9a-f]+|\d+)$/i.test(data)) throw misfit(data, type, 'a number');
    return type === RegistryType.REG_QWORD ? BigInt(data) : Number(data);
  }
  if (type === RegistryType.REG_MULTI_SZ) return data === '' ? [] : data.replace(/\\0$/, '').split('\\0');
  const digits = data.replace(/^0x/i, '').replace(/[\s,:-]/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw misfit(data, type, 'bytes in hexadecimal');
  return fromHex(digits);
}

function misfit(data: string, type: number, wanted: string): UsageError {
  const shown = data.length > 40 ? `${data.slice(0, 40)}…` : data;
  return new UsageError(`'${shown}' is not ${wanted}, which ${registryTypeName(type) ?? `type ${type}`} takes`, {
    argument: 'value',
  });
}

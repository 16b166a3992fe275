import { CorruptImageError } from '@vmcraft/core/errors';
import type { InfEntry, InfFile } from './inf-file.js';

/** Flags of AddReg entries (INF AddReg Directive). */
export const ADDREG = {
  BINARY_VALUE: 0x0000_0001,
  NO_CLOBBER: 0x0000_0002,
  DELETE_VALUE: 0x0000_0004,
  APPEND: 0x0000_0008,
  KEY_ONLY: 0x0000_0010,
  OVERWRITE_ONLY: 0x0000_0020,
} as const;

/** Flag of DelReg: only a value of a multi-string goes. */
const DELREG_MULTI_SZ_DELSTRING = 0x0001_8002;

/** Bits that make up the type of a value. */
const TYPE_MASK = 0xffff_0001;

/** Registry types as winnt.h numbers them. */
export const REG = { NONE: 0, SZ: 1, EXPAND_SZ: 2, BINARY: 3, DWORD: 4, MULTI_SZ: 7, QWORD: 11 } as const;

/** Where an entry is rooted; HKR is relative to what the directive is about. */
export type InfRoot = 'HKCR' | 'HKCU' | 'HKLM' | 'HKU' | 'HKR';

/** What is to be written. */
export type InfRegValue =
  | { readonly type: typeof REG.SZ | typeof REG.EXPAND_SZ; readonly text: string }
  | { readonly type: typeof REG.MULTI_SZ; readonly list: readonly string[] }
  | { readonly type: typeof REG.DWORD; readonly number: number }
  | { readonly type: number; readonly bytes: Uint8Array };

/** One change of an AddReg or DelReg section. */
export interface InfRegChange {
  /** `add-key` makes the key alone; `remove-string` takes one string out of a multi-string. */
  readonly action: 'set' | 'append' | 'add-key' | 'delete-key' | 'delete-value' | 'remove-string';
  readonly root: InfRoot;
  /** Without a leading backslash; empty for the root itself. */
  readonly key: string;
  /** Empty for the default value. */
  readonly name: string;
  readonly value?: InfRegValue;
  /** Leave an existing value alone (NO_CLOBBER), or only replace one (OVERWRITE_ONLY). */
  readonly condition?: 'if-missing' | 'if-present';
}

const ROOTS: ReadonlySet<string> = new Set(['HKCR', 'HKCU', 'HKLM', 'HKU', 'HKR']);

/** Entries of an AddReg section. @throws CorruptImageError */
export function readAddReg(inf: InfFile, section: string): readonly InfRegChange[] {
  return inf.entries(section).map((entry) => readAddition(inf, section, entry));
}

/** Entries of a DelReg section. @throws CorruptImageError */
export function readDelReg(inf: InfFile, section: string): readonly InfRegChange[] {
  return inf.entries(section).map((entry) => {
    const { root, key } = place(inf, section, entry);
    const [, , name = '', flagText = '', text = ''] = entry.values;
    const flags = readNumber(inf, section, entry, flagText);
    if ((flags & DELREG_MULTI_SZ_DELSTRING) === DELREG_MULTI_SZ_DELSTRING) {
      return { action: 'remove-string', root, key, name, value: { type: REG.SZ, text } };
    }
    return { action: name === '' ? 'delete-key' : 'delete-value', root, key, name };
  });
}

/** `reg-root,[subkey],[value-entry-name],[flags],[value][,[value]]` */
function readAddition(inf: InfFile, section: string, entry: InfEntry): InfRegChange {
  const { root, key } = place(inf, section, entry);
  const [, , name = '', flagText = '', ...fields] = entry.values;
  const flags = readNumber(inf, section, entry, flagText);
  const isKeyAlone = (flags & ADDREG.KEY_ONLY) !== 0 || entry.values.length <= 2;
  if (isKeyAlone) return { action: 'add-key', root, key, name: '' };
  if ((flags & ADDREG.DELETE_VALUE) !== 0) return { action: 'delete-value', root, key, name };
  const value = readValue(inf, section, entry, flags, fields);
  if ((flags & ADDREG.APPEND) !== 0 && 'list' in value) return { action: 'append', root, key, name, value };
  const change = { action: 'set', root, key, name, value } as const;
  if ((flags & ADDREG.NO_CLOBBER) !== 0) return { ...change, condition: 'if-missing' };
  return (flags & ADDREG.OVERWRITE_ONLY) === 0 ? change : { ...change, condition: 'if-present' };
}

function place(inf: InfFile, section: string, entry: InfEntry): { root: InfRoot; key: string } {
  const root = (entry.values[0] ?? '').toUpperCase();
  if (entry.key !== undefined || !ROOTS.has(root)) {
    throw broken(inf, section, entry, `'${entry.key ?? entry.values[0] ?? ''}' is no registry root`);
  }
  return { root: root as InfRoot, key: (entry.values[1] ?? '').replace(/^\\+|\\+$/g, '') };
}

function readValue(
  inf: InfFile,
  section: string,
  entry: InfEntry,
  flags: number,
  fields: readonly string[],
): InfRegValue {
  const kind = (flags & TYPE_MASK) >>> 0;
  switch (kind) {
    case 0x0000_0000:
      return { type: REG.SZ, text: fields[0] ?? '' };
    case 0x0002_0000:
      return { type: REG.EXPAND_SZ, text: fields[0] ?? '' };
    case 0x0001_0000:
      return { type: REG.MULTI_SZ, list: fields.filter((text) => text !== '') };
    case 0x0001_0001:
      return { type: REG.DWORD, number: readDword(inf, section, entry, fields) };
    case 0x0002_0001:
      return { type: REG.NONE, bytes: new Uint8Array(0) };
    case 0x0000_0001:
      return { type: REG.BINARY, bytes: readBytes(inf, section, entry, fields) };
    default:
      return { type: kind >>> 16, bytes: readBytes(inf, section, entry, fields) };
  }
}

/** A number, or four bytes with the lowest first. */
function readDword(inf: InfFile, section: string, entry: InfEntry, fields: readonly string[]): number {
  if (fields.length < 2) return readNumber(inf, section, entry, fields[0] ?? '');
  const bytes = readBytes(inf, section, entry, fields);
  return bytes.reduceRight((sum, byte) => ((sum << 8) | byte) >>> 0, 0);
}

function readBytes(inf: InfFile, section: string, entry: InfEntry, fields: readonly string[]): Uint8Array {
  const present = fields.filter((text) => text !== '');
  return Uint8Array.from(present, (text) => {
    const match = /^(?:0x)?([0-9a-f]{1,2})$/i.exec(text);
    if (match === null) throw broken(inf, section, entry, `'${text}' is no byte`);
    return Number.parseInt(match[1]!, 16);
  });
}

/** Decimal, or hexadecimal with 0x; nothing is 0. Negative numbers are those of 32 bits. */
export function readNumber(inf: InfFile, section: string, entry: InfEntry, text: string): number {
  const clean = text.trim();
  if (clean === '') return 0;
  const value = /^-?(0x[0-9a-f]+|\d+)$/i.test(clean) ? parse(clean) : Number.NaN;
  if (value >= -0x8000_0000 && value <= 0xffff_ffff) return value >>> 0;
  throw broken(inf, section, entry, `'${text}' is no 32-bit number`);
}

const parse = (text: string): number => (text.startsWith('-') ? -Number(text.slice(1)) : Number(text));

/** An error about one line of an INF. */
export function broken(inf: InfFile, section: string, entry: InfEntry, reason: string): CorruptImageError {
  return new CorruptImageError({ structure: inf.name, field: section, reason: `line ${entry.line}: ${reason}` });
}

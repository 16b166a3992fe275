import { equalBytes } from '@vmcraft/core/binary';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import type { HiveKey } from './hive-key.js';
import type { HiveValue } from './hive-value.js';
import { decodeUnits } from './names.js';
import { encodeAnsi, REG_HEADER, type RegVersion } from './reg-text.js';
import { decodeString, encodeData } from './value-codec.js';
import { RegistryType } from './value-types.js';
import { walkKeys } from './walk.js';

/** How to write a .reg file. */
export interface ExportRegOptions {
  /** 5 (UTF-16, the default) or 4 (`REGEDIT4`, code page 1252). */
  readonly version?: RegVersion;
  /** Where the key is in a registry, such as `HKEY_LOCAL_MACHINE\SOFTWARE`; written before each key's path. */
  readonly prefix?: string;
}

const END = '\r\n';
/** Lines of hexadecimal bytes are broken as regedit breaks them. */
const LINE = 77;
const STRINGS: ReadonlySet<number> = new Set([
  RegistryType.REG_SZ,
  RegistryType.REG_EXPAND_SZ,
  RegistryType.REG_MULTI_SZ,
]);

function quotable(text: string): string {
  return text.replace(/[\\"]/g, '\\$&');
}

function checkName(name: string, pattern: RegExp, kind: string): void {
  if (!pattern.test(name)) return;
  throw new UnsupportedFeatureError({
    feature: `the ${kind} ${JSON.stringify(name)} in a .reg file: it has control characters`,
    workaround: 'export its neighbours one by one',
  });
}

/** Each byte as two digits and a comma. */
const DIGITS = Array.from({ length: 256 }, (_, byte) => `${byte.toString(16).padStart(2, '0')},`);

function hexLines(head: string, data: Uint8Array): string {
  const lines: string[] = [];
  let line = head;
  for (const byte of data) {
    if (line.length + 3 > LINE) {
      lines.push(line);
      line = '  ';
    }
    line += DIGITS[byte];
  }
  lines.push(data.length === 0 ? line : line.slice(0, -1));
  return lines.join(`\\${END}`);
}

/** A string that quotes can hold and that gives the same bytes when read again. */
function plainText(value: HiveValue): string | undefined {
  if (value.type !== RegistryType.REG_SZ) return undefined;
  const text = decodeString(value.raw);
  const isSame = !/[\0\r\n]/.test(text) && equalBytes(encodeData(value.type, text), value.raw);
  return isSame ? text : undefined;
}

/** In REGEDIT4 the bytes of strings are of the ANSI code page too. */
function exportedBytes(value: HiveValue, version: RegVersion): Uint8Array {
  if (version === 5 || !STRINGS.has(value.type)) return value.raw;
  return encodeAnsi(decodeUnits(value.raw));
}

function valueText(value: HiveValue, version: RegVersion): string {
  checkName(value.name, /\0/, 'value name');
  const name = value.name === '' ? '@' : `"${quotable(value.name)}"`;
  const text = plainText(value);
  if (text !== undefined) return `${name}="${quotable(text)}"`;
  if (value.type === RegistryType.REG_DWORD && value.raw.length === 4) {
    return `${name}=dword:${(value.data as number).toString(16).padStart(8, '0')}`;
  }
  const kind = value.type === RegistryType.REG_BINARY ? 'hex:' : `hex(${value.type.toString(16)}):`;
  return hexLines(`${name}=${kind}`, exportedBytes(value, version));
}

/**
 * A key and all below it as the text of a .reg file, piece by piece. {@link encodeRegFile} makes bytes of it.
 * @throws UnsupportedFeatureError for names that a .reg file cannot have, and in version 4 for characters outside its code page
 */
export async function* exportReg(key: HiveKey, options: ExportRegOptions = {}): AsyncGenerator<string> {
  const { version = 5, prefix = '' } = options;
  const encoded = (text: string): string => {
    if (version === 4) encodeAnsi(text);
    return text;
  };
  yield REG_HEADER[version] + END;
  for await (const { path, values } of walkKeys(key)) {
    checkName(path, /[\0\r\n]/, 'key');
    const full = [prefix, path].filter((part) => part !== '').join('\\');
    let text = `${END}[${full}]${END}`;
    for (const value of values) text += valueText(value, version) + END;
    yield encoded(text);
  }
}

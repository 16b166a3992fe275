import { parseUuid } from '../binary/index.js';
import { UsageError } from '../errors/index.js';

/** One line of input for sfdisk(8). Places and sizes are sectors. */
export interface ScriptLine {
  /** Undefined: where there is room. */
  readonly start?: number;
  /** Undefined: up to what follows. */
  readonly size?: number;
  /** Type byte of an MBR, or type GUID. */
  readonly type?: number | string;
  readonly bootable?: boolean;
  readonly name?: string;
}

/** What a script says. */
export interface SfdiskScript {
  readonly label: 'dos' | 'gpt';
  readonly lines: readonly ScriptLine[];
}

/** sfdisk(8), "INPUT FORMATS": shortcuts for types. */
const SHORTCUTS: Readonly<Record<string, number>> = { L: 0x83, S: 0x82, E: 0x05, X: 0x85, U: 0xef, R: 0xfd, V: 0x8e };
const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40, P: 2 ** 50 };
const NUMBER = /^(\d+)\s*(s|[KMGTP](?:iB)?)?$/;
const HEADER = /^([a-z-]+):\s*(.*)$/;

/** How numbers without a unit are meant. */
export interface ScriptUnits {
  /** Bytes. */
  readonly sectorSize: number;
  /** Bytes that a plain number counts. */
  readonly unit: number;
}

/** Read lines in either form: `start, size, type, bootable`, or `start=…, size=…, type=…, bootable`. @throws UsageError */
export function parseSfdiskScript(lines: readonly string[], units: ScriptUnits): SfdiskScript {
  let label: SfdiskScript['label'] = 'dos';
  const parsed: ScriptLine[] = [];
  for (const text of lines.flatMap((line) => line.split('\n'))) {
    const line = text.trim();
    if (line === '' || line.startsWith('#')) continue;
    const header = HEADER.exec(line);
    if (header?.[1] === 'label') label = labelOf(header[2]!);
    else if (header === null) parsed.push(parseLine(line, units));
  }
  return { label, lines: parsed };
}

function labelOf(name: string): SfdiskScript['label'] {
  if (name === 'dos' || name === 'gpt') return name;
  throw bad(`label: ${name}`, 'the label is dos or gpt');
}

/** One line of a script. @throws UsageError */
export function parseLine(line: string, units: ScriptUnits): ScriptLine {
  return /[a-z]+\s*=/i.test(line) ? parseNamed(line, units) : parsePositional(line, units);
}

function parsePositional(line: string, units: ScriptUnits): ScriptLine {
  const fields = line.split(/\s*[,;]\s*|\s+/);
  if (fields.length > 5) throw bad(line, 'too many fields');
  const [start = '', size = '', type = '', bootable = ''] = fields;
  if (!['', '-', '*'].includes(bootable)) throw bad(line, `'${bootable}' is not * or -`);
  return {
    ...some('start', isDefault(start) ? undefined : sectors(start, units, line)),
    ...some('size', isDefault(size) || size === '+' ? undefined : sectors(size, units, line)),
    ...some('type', isDefault(type) ? undefined : typeOf(type, line)),
    ...some('bootable', bootable === '*' ? true : undefined),
  };
}

function parseNamed(line: string, units: ScriptUnits): ScriptLine {
  // The name of a partition may stand before, as in what sfdisk dumps.
  const body = line.replace(/^[^=,]*:\s*/, '');
  let out: ScriptLine = {};
  for (const field of body.split(/\s*,\s*/)) {
    const [key = '', raw] = field.split(/\s*=\s*/, 2);
    const value = raw?.replace(/^"(.*)"$/, '$1') ?? '';
    if (key === 'start') out = { ...out, start: sectors(value, units, line) };
    else if (key === 'size') out = value === '+' ? out : { ...out, size: sectors(value, units, line) };
    else if (key === 'type' || key === 'Id') out = { ...out, type: typeOf(value, line) };
    else if (key === 'name') out = { ...out, name: value };
    else if (key === 'bootable') out = { ...out, bootable: true };
    else throw bad(line, `unknown field '${key}'`);
  }
  return out;
}

const isDefault = (field: string): boolean => field === '' || field === '-';

function some<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}

function sectors(text: string, { sectorSize, unit }: ScriptUnits, line: string): number {
  const match = NUMBER.exec(text);
  if (match === null) throw bad(line, `'${text}' is not a number`);
  const [, digits, suffix] = match;
  const scale = suffix === undefined ? unit : suffix === 's' ? sectorSize : UNITS[suffix[0]!]!;
  const value = Math.floor((Number(digits) * scale) / sectorSize);
  if (!Number.isSafeInteger(value)) throw bad(line, `${text} is too large`);
  return value;
}

function typeOf(text: string, line: string): number | string {
  const shortcut = SHORTCUTS[text];
  if (shortcut !== undefined) return shortcut;
  if (/^(0x)?[0-9a-f]{1,2}$/i.test(text)) return Number.parseInt(text, 16);
  if (parseUuid(text) !== undefined) return text.toLowerCase();
  throw bad(line, `'${text}' is not a partition type`);
}

function bad(line: string, reason: string): UsageError {
  return new UsageError(`line '${line}': ${reason}`, { argument: 'lines' });
}

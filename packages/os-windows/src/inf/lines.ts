import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';

/** Lines that one INF may have after continued ones are joined. */
const MAX_LINES = 200_000;
/** Characters of one logical line: the limit that SetupAPI has (MAX_INF_STRING_LENGTH) is 4096 a field. */
const MAX_LINE_LENGTH = 1 << 20;

/** One entry of a section: `key = value, value …`, or values alone. */
export interface InfLine {
  /** What is left of the equals sign, unquoted, with `%tokens%` as they are. */
  readonly key?: string;
  /** Fields between commas, trimmed and unquoted, with `%tokens%` as they are. A line without an equals sign has values only. */
  readonly values: readonly string[];
  /** Line number in the file, from 1. */
  readonly line: number;
}

/** A section in the order of the file. */
export interface InfSection {
  /** As the file writes it first. */
  readonly name: string;
  readonly lines: InfLine[];
}

/**
 * Split the text of an INF into sections; sections of the same name are one, as SetupAPI joins them. Names compare without regard to
 * case; the keys of the result are lower case.
 * @throws CorruptImageError for a section header without its bracket
 */
export function parseInfSections(text: string): ReadonlyMap<string, InfSection> {
  const sections = new Map<string, InfSection>();
  let current: InfSection | undefined;
  for (const { text: content, line } of logicalLines(text)) {
    if (content.startsWith('[')) {
      const name = sectionName(content, line);
      current = sections.get(name.toLowerCase());
      if (current === undefined) {
        current = { name, lines: [] };
        sections.set(name.toLowerCase(), current);
      }
    } else current?.lines.push(parseEntry(content, line));
  }
  return sections;
}

function sectionName(content: string, line: number): string {
  const end = content.indexOf(']');
  if (end >= 0) return unquote(content.slice(1, end).trim());
  throw new CorruptImageError({
    structure: 'INF',
    field: 'section',
    reason: `line ${line}: '[' without ']'`,
    citation: 'General Syntax Rules for INF Files',
  });
}

interface LogicalLine {
  readonly text: string;
  readonly line: number;
}

/** Lines without comments, continued ones joined, empty ones left out. */
function* logicalLines(text: string): Generator<LogicalLine> {
  let joined = '';
  let first = 0;
  let count = 0;
  // Ctrl-Z ends a text file for SetupAPI as it did for DOS.
  const physical = text.split('\u001a', 1)[0]!.split(/\r\n|\r|\n/);
  for (const [i, raw] of physical.entries()) {
    const bare = stripComment(raw.replaceAll('\0', ' ')).trim();
    if (joined === '') first = i + 1;
    const continues =
      bare.endsWith('\\') && !endsInsideQuotes(bare) && i + 1 < physical.length && isList(joined + bare);
    joined += continues ? bare.slice(0, -1) : bare;
    if (joined.length > MAX_LINE_LENGTH) {
      throw new LimitExceededError({ limit: 'length of an INF line', value: joined.length, max: MAX_LINE_LENGTH });
    }
    if (continues) continue;
    if (joined !== '') {
      if (++count > MAX_LINES) throw new LimitExceededError({ limit: 'lines of an INF', value: count, max: MAX_LINES });
      yield { text: joined, line: first };
    }
    joined = '';
  }
}

/** Whether a backslash at the end can continue the line: not in a header, where no more follows. */
const isList = (text: string): boolean => !text.startsWith('[');

/** Cut at the first semicolon outside quotes. */
function stripComment(raw: string): string {
  if (!raw.includes(';')) return raw;
  let quoted = false;
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] === '"') quoted = !quoted;
    else if (raw[i] === ';' && !quoted) return raw.slice(0, i);
  }
  return raw;
}

function endsInsideQuotes(text: string): boolean {
  let quoted = false;
  for (const c of text) if (c === '"') quoted = !quoted;
  return quoted;
}

function parseEntry(content: string, line: number): InfLine {
  const equals = indexOutsideQuotes(content, '=');
  if (equals < 0) return { values: splitFields(content), line };
  const key = unquote(content.slice(0, equals).trim());
  return { key, values: splitFields(content.slice(equals + 1)), line };
}

function indexOutsideQuotes(text: string, wanted: string): number {
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    else if (text[i] === wanted && !quoted) return i;
  }
  return -1;
}

function splitFields(text: string): string[] {
  if (text.trim() === '') return [];
  const fields: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    else if (text[i] === ',' && !quoted) {
      fields.push(unquote(text.slice(start, i).trim()));
      start = i + 1;
    }
  }
  fields.push(unquote(text.slice(start).trim()));
  return fields;
}

/** Quotes go, doubled ones stay as one; a value may mix quoted and plain parts. An open quote ends at the line's end. */
function unquote(field: string): string {
  if (!field.includes('"')) return field;
  let out = '';
  let quoted = false;
  for (let i = 0; i < field.length; i++) {
    if (field[i] !== '"') out += field[i];
    else if (quoted && field[i + 1] === '"') {
      out += '"';
      i++;
    } else quoted = !quoted;
  }
  return out;
}

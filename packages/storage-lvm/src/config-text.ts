import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';

/** A single value of the metadata text. Whole numbers are safe integers. */
export type ConfigScalar = string | number;
/** What a key stands for. */
export type ConfigValue = ConfigScalar | readonly ConfigScalar[] | ConfigSection;
/** A section: keys in the order of the text. */
export type ConfigSection = Map<string, ConfigValue>;

const MAX_DEPTH = 8;
/** Keys and values of one text. A group of 10 000 volumes has some 200 000. */
const MAX_NODES = 4_000_000;
const CITATION = 'lvm.conf(5), "CONFIGURATION FORMAT"';

const SPACE = /(?:\s|#[^\n]*)*/y;
const KEY = /[A-Za-z0-9_+.@/-]+/y;
const NUMBER = /[+-]?\d+(?:\.\d*)?/y;
const STRING = /"(?:[^"\\]|\\[\s\S])*"/y;

/**
 * Parse LVM's configuration text: `key = value`, `section { … }`, arrays, comments.
 * @throws CorruptImageError when it is not such text; LimitExceededError when it has too many keys
 */
export function parseConfig(text: string): ConfigSection {
  return new Parser(text).parse();
}

class Parser {
  #at = 0;
  #nodes = 0;

  constructor(private readonly text: string) {}

  parse(): ConfigSection {
    const root = this.#section(0);
    if (this.#at < this.text.length) this.#fail('unexpected }');
    return root;
  }

  #section(depth: number): ConfigSection {
    if (depth > MAX_DEPTH) throw new LimitExceededError({ limit: 'depth of metadata', value: depth, max: MAX_DEPTH });
    const section: ConfigSection = new Map();
    for (;;) {
      this.#match(SPACE);
      if (this.#at >= this.text.length) {
        if (depth > 0) this.#fail('a section does not end');
        return section;
      }
      if (this.text[this.#at] === '}') return section;
      const key = this.#match(KEY) ?? this.#quoted();
      if (key === undefined) this.#fail('a key is expected');
      this.#count();
      if (section.has(key)) this.#fail(`'${key}' is there twice`);
      section.set(key, this.#value(depth));
    }
  }

  #value(depth: number): ConfigValue {
    this.#match(SPACE);
    if (this.#take('{')) {
      const section = this.#section(depth + 1);
      this.#expect('}');
      return section;
    }
    this.#expect('=');
    this.#match(SPACE);
    if (!this.#take('[')) return this.#scalar();
    const list: ConfigScalar[] = [];
    for (;;) {
      this.#match(SPACE);
      if (this.#take(']')) return list;
      list.push(this.#scalar());
      this.#match(SPACE);
      if (!this.#take(',')) {
        this.#expect(']');
        return list;
      }
    }
  }

  #scalar(): ConfigScalar {
    this.#count();
    const text = this.#quoted();
    if (text !== undefined) return text;
    const digits = this.#match(NUMBER);
    if (digits === undefined) this.#fail('a value is expected');
    const value = Number(digits);
    if (!digits.includes('.') && !Number.isSafeInteger(value)) this.#fail(`the number ${digits} is beyond 2^53`);
    return value;
  }

  #quoted(): string | undefined {
    return this.#match(STRING)
      ?.slice(1, -1)
      .replace(/\\([\s\S])/g, '$1');
  }

  #count(): void {
    if (++this.#nodes > MAX_NODES) {
      throw new LimitExceededError({ limit: 'values of metadata', value: this.#nodes, max: MAX_NODES });
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #take(character: string): boolean {
    if (this.text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) this.#fail(`${character} is expected`);
  }

  #fail(reason: string): never {
    const line = this.text.slice(0, this.#at).split('\n').length;
    throw new CorruptImageError({ structure: 'metadata text', reason: `line ${line}: ${reason}`, citation: CITATION });
  }
}

const isSection = (value: ConfigValue): value is ConfigSection => value instanceof Map;

/** The text of a section, in the form in which LVM writes it. */
export function formatConfig(section: ConfigSection): string {
  let out = '';
  for (const [key, value] of section) {
    if (isSection(value)) out += `\n${key} {\n${formatConfig(value)}}\n`;
    else out += `${key} = ${formatValue(value)}\n`;
  }
  return out;
}

function formatValue(value: ConfigScalar | readonly ConfigScalar[]): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return `"${value.replace(/["\\]/g, '\\$&')}"`;
  return `[${value.map(formatValue).join(', ')}]`;
}

/** A subsection. @throws CorruptImageError when it is missing or none */
export function sectionOf(section: ConfigSection, key: string, structure: string): ConfigSection {
  const value = section.get(key);
  if (value === undefined || !isSection(value)) throw missing(structure, key, 'a section');
  return value;
}

/** A text. @throws CorruptImageError when it is missing or none */
export function textOf(section: ConfigSection, key: string, structure: string): string {
  const value = section.get(key);
  if (typeof value !== 'string') throw missing(structure, key, 'a text');
  return value;
}

/** A whole number that is not negative. @throws CorruptImageError when it is missing (and has no default) or none */
export function numberOf(section: ConfigSection, key: string, structure: string, fallback?: number): number {
  const value = section.get(key) ?? fallback;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw missing(structure, key, 'a number');
  return value;
}

/** A list, empty when the key is missing; a single value is a list of one. @throws CorruptImageError when it is a section */
export function listOf(section: ConfigSection, key: string, structure: string): readonly ConfigScalar[] {
  const value = section.get(key);
  if (value === undefined) return [];
  if (isSection(value)) throw missing(structure, key, 'a list');
  return typeof value === 'object' ? value : [value];
}

/** A list of texts. @throws CorruptImageError */
export function textsOf(section: ConfigSection, key: string, structure: string): readonly string[] {
  return listOf(section, key, structure).map((value) => {
    if (typeof value !== 'string') throw missing(structure, key, 'a list of texts');
    return value;
  });
}

function missing(structure: string, field: string, what: string): CorruptImageError {
  return new CorruptImageError({ structure, field, reason: `${what} is expected` });
}

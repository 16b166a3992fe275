import { CorruptImageError, LimitExceededError } from '@vmcraft/core/errors';
import { type InfLine, type InfSection, parseInfSections } from './lines.js';
import { decodeInfText, type InfEncoding } from './text.js';

/** An entry with its `%strings%` put in. */
export interface InfEntry {
  /** Undefined for a line without an equals sign. */
  readonly key?: string;
  readonly values: readonly string[];
  /** The key with its `%tokens%`: `%VirtIO.Desc%`. */
  readonly rawKey?: string;
  readonly rawValues: readonly string[];
  readonly line: number;
}

/** How an INF is read. */
export interface InfReadOptions {
  /** Language whose `[Strings.LLLL]` are wanted, as a LANGID: 0x0407. English (0x0409) and `[Strings]` stand in. */
  readonly language?: number;
  /** File name, for messages. */
  readonly name?: string;
}

const ENGLISH = 0x0409;
/** Characters that putting strings in may add to an INF. */
const MAX_EXPANSION = 32 << 20;
const NO_ENTRIES: readonly InfEntry[] = [];

/** A section with its strings put in, and its entries by lower-case key. */
interface ReadSection {
  readonly entries: readonly InfEntry[];
  readonly byKey: ReadonlyMap<string, readonly InfEntry[]>;
}

/** An INF: its sections by name, and its strings. Names of sections, keys and tokens compare without regard to case. */
export class InfFile {
  readonly name: string;
  readonly #sections: ReadonlyMap<string, InfSection>;
  readonly #strings: ReadonlyMap<string, string>;
  readonly #read = new Map<string, ReadSection>();
  #expansion = 0;

  private constructor(
    text: string,
    readonly encoding: InfEncoding,
    options: InfReadOptions,
  ) {
    this.name = options.name ?? 'INF';
    this.#sections = parseInfSections(text);
    this.#strings = readStrings(this.#sections, options.language ?? ENGLISH);
  }

  /**
   * Read an INF.
   * @throws CorruptImageError when it is none (no `[Version]` with a Windows signature), LimitExceededError
   * @example const inf = InfFile.parse(bytes, { name: 'viostor.inf' });
   */
  static parse(bytes: Uint8Array, options: InfReadOptions = {}): InfFile {
    const { text, encoding } = decodeInfText(bytes);
    const inf = new InfFile(text, encoding, options);
    inf.#checkSignature();
    return inf;
  }

  /** INF Version Section: Signature is `$Windows NT$` or `$Chicago$`; `$Windows 95$` is of another kind. */
  #checkSignature(): void {
    const found = this.value('Version', 'Signature');
    if (found !== undefined && /^\$(windows nt|chicago)\$$/i.test(found)) return;
    throw new CorruptImageError({
      structure: this.name,
      field: 'Version.Signature',
      expected: '$Windows NT$',
      found: found ?? 'nothing',
      citation: 'INF Version Section',
    });
  }

  /** Whether a section is there, empty or not. */
  has(section: string): boolean {
    return this.#sections.has(section.toLowerCase());
  }

  /** A section's name as the file writes it; undefined when it is missing. */
  sectionName(section: string): string | undefined {
    return this.#sections.get(section.toLowerCase())?.name;
  }

  /** Names of all sections as the file writes them, in its order. */
  get sectionNames(): readonly string[] {
    return [...this.#sections.values()].map(({ name }) => name);
  }

  /** Entries of a section; none when it is missing. @throws LimitExceededError when its strings make it too large */
  entries(section: string): readonly InfEntry[] {
    return this.#section(section)?.entries ?? NO_ENTRIES;
  }

  /** All entries of a section with a key. */
  entriesOf(section: string, key: string): readonly InfEntry[] {
    return this.#section(section)?.byKey.get(key.toLowerCase()) ?? NO_ENTRIES;
  }

  /** The first value of the first entry with a key; undefined when there is none. */
  value(section: string, key: string): string | undefined {
    return this.entriesOf(section, key)[0]?.values[0];
  }

  /** Values of all entries with a key, in order: directives such as CopyFiles may come several times. */
  list(section: string, key: string): readonly string[] {
    return this.entriesOf(section, key).flatMap(({ values }) => values.filter((value) => value !== ''));
  }

  /** A string by its token; undefined when the INF has none of that name. */
  string(token: string): string | undefined {
    return this.#strings.get(token.toLowerCase());
  }

  /** Put strings in for `%tokens%`; `%%` is a percent sign, and what is no string (directory ids) stays. */
  expand(text: string): string {
    if (!text.includes('%')) return text;
    return text.replace(/%([^%]*)%/g, (whole, token: string) => {
      const value = token === '' ? '%' : (this.string(token) ?? whole);
      this.#expansion += value.length;
      if (this.#expansion <= MAX_EXPANSION) return value;
      throw new LimitExceededError({ limit: `strings of ${this.name}`, value: this.#expansion, max: MAX_EXPANSION });
    });
  }

  #section(name: string): ReadSection | undefined {
    const key = name.toLowerCase();
    const known = this.#read.get(key);
    if (known !== undefined) return known;
    const section = this.#sections.get(key);
    if (section === undefined) return undefined;
    const entries = section.lines.map((line) => this.#expandLine(line));
    const byKey = new Map<string, InfEntry[]>();
    for (const entry of entries) {
      if (entry.key === undefined) continue;
      const same = byKey.get(entry.key.toLowerCase());
      if (same === undefined) byKey.set(entry.key.toLowerCase(), [entry]);
      else same.push(entry);
    }
    const read = { entries, byKey };
    this.#read.set(key, read);
    return read;
  }

  #expandLine(line: InfLine): InfEntry {
    const values = line.values.map((value) => this.expand(value));
    const entry = { values, rawValues: line.values, line: line.line };
    return line.key === undefined ? entry : { ...entry, key: this.expand(line.key), rawKey: line.key };
  }
}

/** INF Strings Section: the wanted language, else English, else the undecorated section; token by token, later ones weaker. */
function readStrings(sections: ReadonlyMap<string, InfSection>, language: number): ReadonlyMap<string, string> {
  const strings = new Map<string, string>();
  for (const name of [`strings.${hex4(language)}`, `strings.${hex4(ENGLISH)}`, 'strings']) {
    for (const { key, values } of sections.get(name)?.lines ?? []) {
      if (key === undefined) continue;
      const token = key.replace(/^%(.*)%$/, '$1').toLowerCase();
      if (!strings.has(token)) strings.set(token, values.join(','));
    }
  }
  return strings;
}

const hex4 = (value: number): string => value.toString(16).padStart(4, '0');

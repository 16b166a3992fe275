import { encodeFileName, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '@vmcraft/core';
import { type LineMatcher, lineMatcher } from '@vmcraft/core/guest';

/** Types of files by their letters in a specification (selabel_file(5), "FILE FORMAT"). */
const TYPES: Readonly<Record<string, number>> = {
  '--': S_IFREG,
  '-d': S_IFDIR,
  '-l': S_IFLNK,
  '-p': S_IFIFO,
  '-s': S_IFSOCK,
  '-b': S_IFBLK,
  '-c': S_IFCHR,
};
const META = '.^$?*+|[({';
const QUANTIFIERS = '?*{';
/** What PCRE2 has and extended regular expressions have not. */
const PERL_ONLY = /\(\?|\\[a-zA-Z0-9]|[*+?}][?+]/;

interface Specification {
  readonly pattern: string;
  readonly mode: number | undefined;
  /** Undefined for `<<none>>`. */
  readonly context: string | undefined;
  /** What every path of it begins with. */
  readonly stem: string;
  matcher?: LineMatcher;
}

/** A path whose specification cannot be followed here. */
export class UnknownContext extends Error {}

/** Which label a file of the guest has by its policy (selabel_file(5)). */
export class FileContexts {
  readonly #specifications: readonly Specification[];
  readonly #aliases: readonly (readonly [string, string])[];

  /**
   * @param contexts `file_contexts` and what is added to it, in order
   * @param aliases `file_contexts.subs` and `.subs_dist`
   */
  constructor(contexts: readonly string[], aliases: readonly string[]) {
    const all = contexts.flatMap((text) => words(text).flatMap(specification));
    // Names without any pattern go before everything else; of the others the last one counts.
    const isExact = ({ pattern, stem }: Specification): boolean => pattern.replaceAll('\\', '') === stem;
    this.#specifications = [...all.filter((s) => !isExact(s)), ...all.filter(isExact)].reverse();
    this.#aliases = aliases.flatMap((text) =>
      words(text).flatMap(([from, to]) => (to === undefined ? [] : [[from ?? '', to] as const])),
    );
  }

  /**
   * The label of a path; undefined when it has none.
   * @throws UnknownContext when a pattern that may be meant is not understood
   */
  lookup(path: string, mode: number): string | undefined {
    const name = this.#resolved(path);
    const bytes = encodeFileName(name);
    for (const spec of this.#specifications) {
      if (spec.mode !== undefined && spec.mode !== (mode & S_IFMT)) continue;
      if (!name.startsWith(spec.stem)) continue;
      spec.matcher ??= compile(spec.pattern);
      if (spec.matcher.matches(bytes, 0, bytes.length)) return spec.context;
    }
    return undefined;
  }

  #resolved(path: string): string {
    for (const [from, to] of this.#aliases) {
      if (path === from || path.startsWith(`${from}/`))
        return `${to === '/' ? '' : to}${path.slice(from.length)}` || '/';
    }
    return path;
  }
}

function words(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => line.trim().split(/\s+/));
}

function specification(line: readonly string[]): Specification[] {
  const [pattern = '', second = '', third] = line;
  const context = third ?? second;
  if (context === '') return [];
  const mode = third === undefined ? undefined : TYPES[second];
  return [{ pattern, mode, context: context === '<<none>>' ? undefined : context, stem: stemOf(pattern) }];
}

/** The plain text that a pattern begins with. */
function stemOf(pattern: string): string {
  let stem = '';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] as string;
    const isEscaped = c === '\\';
    if (isEscaped) i += 1;
    const text = isEscaped ? (pattern[i] ?? '') : c;
    if (!isEscaped && META.includes(c)) {
      // A quantifier is about the character before it, and a choice at the top about everything.
      if (QUANTIFIERS.includes(c)) stem = stem.slice(0, -1);
      break;
    }
    stem += text;
  }
  return hasChoice(pattern) ? '' : stem;
}

function hasChoice(pattern: string): boolean {
  let depth = 0;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i];
    if (c === '\\') i += 1;
    else if (c === '(') depth += 1;
    else if (c === ')') depth -= 1;
    else if (c === '|' && depth <= 0) return true;
  }
  return false;
}

/** In linear time whatever a hostile policy has. */
function compile(pattern: string): LineMatcher {
  if (PERL_ONLY.test(pattern)) throw new UnknownContext(pattern);
  // Between brackets PCRE2 escapes, extended regular expressions do not.
  const text = pattern.replace(/\[(?:\\.|[^\]\\])*\]/g, (set) => set.replace(/\\(?=[^\]\\^-])/g, ''));
  try {
    return lineMatcher(encodeFileName(`^(${text})$`), { extended: true });
  } catch {
    throw new UnknownContext(pattern);
  }
}

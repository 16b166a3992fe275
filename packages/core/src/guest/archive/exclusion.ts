import { UsageError } from '../../errors/index.js';

/** One step of a pattern: a star, or a test of one character. */
type Step = '*' | ((c: string) => boolean);

const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /[\0-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t-\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

/**
 * Patterns as `tar --exclude` has them: they may begin at any part of a name, `*` and `?` match slashes too, and what is in an
 * excluded directory is excluded.
 * @returns whether a name below the top is excluded; the top itself is the empty name
 */
export function exclusion(patterns: readonly string[]): (name: string) => boolean {
  const compiled = patterns.map((pattern) => {
    if (pattern.includes('\n')) throw new UsageError('a pattern has a newline', { argument: 'excludes' });
    return { steps: compile(pattern), isAnchored: pattern.startsWith('./') };
  });
  return (name) =>
    compiled.some(({ steps, isAnchored }) => isExcluded(name === '' ? '.' : `./${name}`, steps, isAnchored));
}

function isExcluded(name: string, steps: readonly Step[], isAnchored: boolean): boolean {
  if (matchesLeading(name, steps)) return true;
  if (isAnchored) return false;
  for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) {
    if (matchesLeading(name.slice(at + 1), steps)) return true;
  }
  return false;
}

/** Whether the pattern matches the text, or what comes before one of its slashes. Linear for each star. */
function matchesLeading(text: string, steps: readonly Step[]): boolean {
  let at = 0;
  let step = 0;
  let star = -1;
  let starAt = 0;
  for (;;) {
    const current = steps[step];
    if (step === steps.length && (at === text.length || text[at] === '/')) return true;
    if (current === '*') {
      star = step++;
      starAt = at;
    } else if (at < text.length && current?.(text[at]!) === true) {
      at++;
      step++;
    } else {
      if (star < 0 || starAt >= text.length) return false;
      step = star + 1;
      at = ++starAt;
    }
  }
}

function compile(pattern: string): Step[] {
  const steps: Step[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!;
    if (c === '*') {
      if (steps.at(-1) !== '*') steps.push('*');
    } else if (c === '?') steps.push(() => true);
    else if (c === '[') {
      const found = bracket(pattern, i);
      steps.push(found?.test ?? ((x) => x === '['));
      i = found?.end ?? i;
    } else {
      const literal = c === '\\' && i + 1 < pattern.length ? pattern[++i]! : c;
      steps.push((x) => x === literal);
    }
  }
  return steps;
}

/** A bracket expression of fnmatch(3); undefined when it does not end. */
function bracket(pattern: string, start: number): { test: (c: string) => boolean; end: number } | undefined {
  let i = start + 1;
  const isNegated = pattern[i] === '!' || pattern[i] === '^';
  if (isNegated) i++;
  const tests: ((c: string) => boolean)[] = [];
  for (const first = i; i < pattern.length; i++) {
    if (pattern[i] === ']' && i > first) return { test: (c) => tests.some((test) => test(c)) !== isNegated, end: i };
    const named = /^\[:([a-z]+):\]/.exec(pattern.slice(i, i + 12));
    const members = named === null ? undefined : CLASSES[named[1]!];
    if (members !== undefined) {
      tests.push((c) => members.test(c));
      i += named![0].length - 1;
      continue;
    }
    if (pattern[i] === '\\' && i + 1 < pattern.length) i++;
    const from = pattern[i]!;
    const isRange = pattern[i + 1] === '-' && i + 2 < pattern.length && pattern[i + 2] !== ']';
    const to = isRange ? pattern[i + 2]! : from;
    if (isRange) i += 2;
    tests.push((c) => c >= from && c <= to);
  }
  return undefined;
}

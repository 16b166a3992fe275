import { Automaton } from './automaton.js';
import { Backtracker } from './backtracker.js';
import { literalNode, RegexParser } from './parser.js';
import { compileProgram } from './program.js';
import type { RegexNode } from './syntax.js';

/** What patterns are. */
export interface PatternOptions {
  readonly extended?: boolean | undefined;
  /** Plain text. */
  readonly fixed?: boolean | undefined;
  readonly ignoreCase?: boolean | undefined;
}

/** Says of lines whether a pattern matches somewhere in them. */
export interface LineMatcher {
  /** The line is what is from `start` up to `end`, without its newline. */
  matches(bytes: Uint8Array, start: number, end: number): boolean;
}

const NEWLINE = 0x0a;

/**
 * The matcher for patterns as grep(1) takes them, one on each line. Text and patterns are bytes (`LC_ALL=C`). Without back-references the
 * time is linear in the text, whatever the pattern.
 * @throws UsageError with the words of grep(1)
 */
export function lineMatcher(pattern: Uint8Array, options: PatternOptions): LineMatcher {
  const ignoreCase = options.ignoreCase === true;
  const plain: RegexNode[] = [];
  const matchers: LineMatcher[] = [];
  for (const line of linesOf(pattern)) {
    if (options.fixed === true) {
      plain.push(literalNode(line, ignoreCase));
      continue;
    }
    const parser = new RegexParser(line, { extended: options.extended === true, ignoreCase });
    const { node, hasReferences } = parser.parse();
    if (hasReferences) matchers.push(new Backtracker(compileProgram(node), ignoreCase));
    else plain.push(node);
  }
  if (plain.length > 0) matchers.unshift(new Automaton(compileProgram({ kind: 'choice', items: plain })));
  const [first] = matchers;
  if (first !== undefined && matchers.length === 1) return first;
  return { matches: (bytes, start, end) => matchers.some((matcher) => matcher.matches(bytes, start, end)) };
}

function linesOf(pattern: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let at = pattern.indexOf(NEWLINE); at >= 0; at = pattern.indexOf(NEWLINE, start)) {
    lines.push(pattern.subarray(start, at));
    start = at + 1;
  }
  lines.push(pattern.subarray(start));
  return lines;
}

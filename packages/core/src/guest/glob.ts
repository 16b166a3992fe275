import { compareNames } from './names.js';
import type { Session } from './session.js';

/** Names that one pattern may expand to. */
const MAX_MATCHES = 1_000_000;
/** Alternatives that braces may expand to. */
const MAX_ALTERNATIVES = 4096;
const SPECIAL = /[*?[\\]/;

/** Paths that match a shell pattern, sorted, as glob(3) with `GLOB_BRACE`: `*` and `?` match neither a slash nor a leading dot. */
export async function expandGlob(g: Session, pattern: string, directorySlash: boolean): Promise<string[]> {
  const found = new Set<string>();
  for (const alternative of expandBraces(pattern)) {
    for (const path of await matches(g, alternative)) {
      if (found.size >= MAX_MATCHES) break;
      found.add(path);
    }
  }
  const sorted = [...found].sort(compareNames);
  return directorySlash ? Promise.all(sorted.map((path) => withSlash(g, path))) : sorted;
}

async function withSlash(g: Session, path: string): Promise<string> {
  if (path.endsWith('/')) return path;
  const location = await g.vfs.find(path, 'glob_expand').catch(() => undefined);
  return location !== undefined && (await location.isDirectory()) ? `${path}/` : path;
}

async function matches(g: Session, pattern: string): Promise<string[]> {
  const parts = pattern.split('/');
  let paths = [''];
  for (const [i, part] of parts.entries()) {
    const isLast = i === parts.length - 1;
    if (part === '') {
      if (isLast) paths = await keep(paths, async (p) => isDirectory(g, p === '' ? '/' : p));
      if (isLast || i > 0) paths = paths.map((p) => (isLast ? `${p}/` : p));
      continue;
    }
    const next: string[] = [];
    for (const directory of paths) next.push(...(await matchPart(g, directory, part, !isLast)));
    paths = next;
  }
  return paths;
}

async function matchPart(g: Session, directory: string, part: string, mustBeDirectory: boolean): Promise<string[]> {
  if (!SPECIAL.test(part)) {
    const path = `${directory}/${part}`;
    const there = mustBeDirectory ? await isDirectory(g, path) : (await find(g, path, false)) !== undefined;
    return there ? [path] : [];
  }
  const expression = partExpression(part);
  const dir = await find(g, directory === '' ? '/' : directory, true);
  if (dir === undefined || !(await dir.isDirectory())) return [];
  const names: string[] = [];
  for await (const { name } of dir.mount.fs.readdir(dir.node)) {
    if (expression.test(name) && (!name.startsWith('.') || part.startsWith('.'))) names.push(name);
  }
  const paths = names.map((name) => `${directory}/${name}`);
  return mustBeDirectory ? keep(paths, (path) => isDirectory(g, path)) : paths;
}

async function find(g: Session, path: string, follow: boolean) {
  return g.vfs.find(path, 'glob_expand', follow).catch(() => undefined);
}

async function isDirectory(g: Session, path: string): Promise<boolean> {
  const location = await find(g, path, true);
  return (await location?.isDirectory()) === true;
}

async function keep(paths: readonly string[], test: (path: string) => Promise<boolean>): Promise<string[]> {
  const kept: string[] = [];
  for (const path of paths) if (await test(path)) kept.push(path);
  return kept;
}

/** The expression for one part of a pattern, as fnmatch(3). Consecutive stars are one, so that it cannot run away. */
function partExpression(part: string): RegExp {
  let source = '';
  for (let i = 0; i < part.length; i++) {
    const c = part[i]!;
    if (c === '*') {
      if (!source.endsWith('.*?')) source += '.*?';
    } else if (c === '?') source += '.';
    else if (c === '\\' && i + 1 < part.length) source += quote(part[++i]!);
    else if (c === '[') {
      const end = part.indexOf(']', i + (part[i + 1] === '!' || part[i + 1] === '^' ? 3 : 2));
      if (end < 0) source += '\\[';
      else {
        source += bracket(part.slice(i + 1, end));
        i = end;
      }
    } else source += quote(c);
  }
  return new RegExp(`^${source}$`, 's');
}

const CLASSES: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  blank: ' \\t',
  digit: '0-9',
  lower: 'a-z',
  space: '\\s',
  upper: 'A-Z',
  xdigit: 'A-Fa-f0-9',
};

function bracket(inside: string): string {
  const negated = inside.startsWith('!') || inside.startsWith('^');
  const body = (negated ? inside.slice(1) : inside)
    .replace(/[\\\]^]/g, '\\$&')
    .replace(/\[:(\w+):\\?\]?/g, (whole, name: string) => CLASSES[name] ?? whole);
  return `[${negated ? '^' : ''}${body.replace(/\[/g, '\\[')}]`;
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** `a{b,c}d` → `abd`, `acd`; nested braces too. A brace without a comma stands for itself. */
export function expandBraces(pattern: string): string[] {
  const open = findBrace(pattern);
  if (open === undefined) return [pattern];
  const { start, end, commas } = open;
  const head = pattern.slice(0, start);
  const tails = expandBraces(pattern.slice(end + 1));
  const cuts = [start, ...commas, end];
  const result: string[] = [];
  for (let i = 1; i < cuts.length; i++) {
    for (const middle of expandBraces(pattern.slice(cuts[i - 1]! + 1, cuts[i]))) {
      for (const tail of tails) if (result.length < MAX_ALTERNATIVES) result.push(head + middle + tail);
    }
  }
  return result;
}

function findBrace(pattern: string): { start: number; end: number; commas: number[] } | undefined {
  for (let start = pattern.indexOf('{'); start >= 0; start = pattern.indexOf('{', start + 1)) {
    const commas: number[] = [];
    let depth = 0;
    for (let i = start; i < pattern.length; i++) {
      const c = pattern[i];
      if (c === '{') depth++;
      else if (c === ',' && depth === 1) commas.push(i);
      else if (c === '}' && --depth === 0) {
        if (commas.length > 0) return { start, end: i, commas };
        break;
      }
    }
  }
  return undefined;
}

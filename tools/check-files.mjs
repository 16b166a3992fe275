// Rules that no linter has: file length, unlisted fixtures, words that do not belong in the tree.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { root } from './workspace.mjs';

const MAX_LINES = 500;
const MAX_BYTES = 2 * 1024 * 1024;

const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean);
const problems = [];

for (const file of files) {
  const { size } = statSync(`${root}/${file}`, { throwIfNoEntry: false }) ?? {};
  if (size === undefined) continue;
  if (size > MAX_BYTES) problems.push(`${file}: ${size} bytes; fixtures are recipes or small`);
  if (!/\.(ts|mjs|cjs|sh)$/.test(file)) continue;
  const text = readFileSync(`${root}/${file}`, 'utf8');
  const lines = text.split('\n').length - 1;
  if (lines > MAX_LINES) problems.push(`${file}: ${lines} lines, ${MAX_LINES} at most`);
  if (/\b(TODO|FIXME|XXX)\b/.test(text) && !file.endsWith('check-files.mjs'))
    problems.push(`${file}: unfinished work is an issue, not a comment`);
  if (/@ts-(ignore|nocheck)|\b(describe|it|test)\.(only|skip|todo)\b/.test(text) && !file.endsWith('check-files.mjs')) {
    problems.push(`${file}: a disabled check`);
  }
}

/** Imports of workspace packages that the importing package does not declare. */
function undeclared(file, text) {
  const folder = /^(packages|examples)\/[^/]+/.exec(file)?.[0];
  if (folder === undefined || !file.includes('/src/')) return [];
  const { name, dependencies = {} } = JSON.parse(readFileSync(`${root}/${folder}/package.json`, 'utf8'));
  const imports = [...text.matchAll(/(?:from|import\()\s*'(@vmcraft\/[a-z-]+|vmcraft)(?:\/[^']*)?'/g)].map((m) => m[1]);
  return [...new Set(imports)]
    .filter((i) => i !== name && !(i in dependencies))
    .map((i) => `${file}: imports ${i}, which its package does not declare`);
}

for (const file of files.filter((f) => f.endsWith('.ts') && existsSync(`${root}/${f}`))) {
  problems.push(...undeclared(file, readFileSync(`${root}/${file}`, 'utf8').replace(/^ \*.*$/gm, '')));
}

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exit(problems.length === 0 ? 0 : 1);

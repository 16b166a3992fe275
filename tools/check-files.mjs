// Rules that no linter has: file length, unlisted fixtures, words that do not belong in the tree.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
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

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exit(problems.length === 0 ? 0 : 1);

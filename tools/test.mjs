// `npm test`: install what the tests need, check everything, run everything, and say loudly what could not run.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { hidePnpm, install, must, pathWithPnpm, root, run } from './workspace.mjs';

const ci = process.env.CI !== undefined;
const cache = `${root}/.cache`;
const skipLog = `${cache}/skipped-${process.pid}.log`;
const report = `${cache}/vitest-${process.pid}.json`;

/** As root on Debian or Ubuntu: the programs that judge our results. Elsewhere tests that need them are listed at the end. */
function installOracles() {
  const wanted = readFileSync(`${root}/tools/oracle-packages.txt`, 'utf8')
    .split('\n')
    .filter((l) => l !== '' && !l.startsWith('#'));
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return;
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...wanted], {
    encoding: 'utf8',
  });
  const installed = new Set(
    query.stdout
      .split('\n')
      .filter((l) => l.endsWith(' installed'))
      .map((l) => l.split(' ')[0]),
  );
  const missing = wanted.filter((name) => !installed.has(name));
  if (missing.length === 0) return;
  process.stdout.write(`Installing ${missing.length} Debian packages that the tests use as oracles\n`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { quiet: true, env });
  must('apt-get', 'apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { quiet: true, env });
}

function step(name, command, args, options) {
  process.stdout.write(`\n== ${name}\n`);
  must(name, command, args, options);
}

/** The closing summary: counts, and each thing that did not run with its reason. */
function summarize(passedRun) {
  const log = existsSync(skipLog) ? [...new Set(readFileSync(skipLog, 'utf8').trim().split('\n'))].filter(Boolean) : [];
  if (log.length > 0) {
    process.stdout.write(`\n!! ${log.length} groups of tests did NOT run here:\n`);
    for (const line of log) process.stdout.write(`!!   ${line}\n`);
  }
  rmSync(skipLog, { force: true });
  const counts = existsSync(report)
    ? JSON.parse(readFileSync(report, 'utf8'))
    : { numPassedTests: 0, numFailedTests: 1 };
  rmSync(report, { force: true });
  const skipped = (counts.numPendingTests ?? 0) + (counts.numTodoTests ?? 0);
  if (skipped > 0) process.stdout.write(`\n${skipped} tests skipped\n`);
  const hostTools = log.filter((line) => !/needs data:/.test(line));
  if (ci && hostTools.length > 0) process.stdout.write('In CI nothing may be skipped.\n');
  process.stdout.write(`\n${counts.numPassedTests} passed, ${counts.numFailedTests} failed, ${skipped} skipped\n`);
  process.exit(passedRun && counts.numPassedTests > 0 && !(ci && hostTools.length > 0) ? 0 : 1);
}

mkdirSync(cache, { recursive: true });
hidePnpm();
install({ quiet: true });
installOracles();
const bin = (name) => `${root}/node_modules/.bin/${name}`;
step('lint', bin('biome'), ['check', '.']);
step('build', process.execPath, ['-e', `import('${root}/tools/workspace.mjs').then((w) => w.build())`]);
step('types', bin('tsc'), ['-p', 'tsconfig.test.json']);
step('files', process.execPath, ['tools/check-files.mjs']);
step('layers', bin('depcruise'), ['--config', '.dependency-cruiser.cjs', 'packages', 'examples', 'test']);
step('docs', process.execPath, ['tools/docs.mjs', '--check']);
process.stdout.write('\n== tests\n');
const ok = run(
  bin('vitest'),
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)],
  {
    env: { VMCRAFT_SKIP_LOG: skipLog, PATH: pathWithPnpm(), LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  },
);
summarize(ok);

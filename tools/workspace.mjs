// Shared by the commands a fresh machine runs: only Node and npm are there yet.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url));

const quietNpm = { npm_config_loglevel: 'error', npm_config_fund: 'false', npm_config_audit: 'false' };

/** Run a program in the repository; its output goes to the terminal unless `quiet`. Returns whether it succeeded. */
export function run(command, args, { env = {}, quiet = false } = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...quietNpm, ...env },
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    encoding: 'utf8',
  });
  if (quiet && result.status !== 0) process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  return result.status === 0;
}

/** As {@link run}, ending this process when it fails. */
export function must(what, command, args, options) {
  if (!run(command, args, options)) {
    process.stderr.write(`\n${what} failed: ${command} ${args.join(' ')}\n`);
    process.exit(1);
  }
}

/** The pnpm that package.json names, through npx, so that nothing is installed globally. */
export function pnpm(args, options) {
  const { packageManager } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  return must('pnpm', 'npx', ['--yes', packageManager, ...args], options);
}

/** Install the workspace's dependencies as the lock file has them. */
export function install({ quiet = false } = {}) {
  pnpm(['install', '--frozen-lockfile', '--prefer-offline'], { quiet });
}

/**
 * Take folders with a pnpm off the PATH, as on a machine that has only Node and npm: what works here must work there. Folders that
 * Node itself is in stay.
 */
export function hidePnpm() {
  const keeps = (folder) => existsSync(join(folder, 'node')) || !existsSync(join(folder, 'pnpm'));
  process.env.PATH = (process.env.PATH ?? '').split(delimiter).filter(keeps).join(delimiter);
}

/** Compile every package and bundle the command. Turbo asks the package manager for the workspace, so it must find one. */
export function build({ quiet = false } = {}) {
  must(
    'build',
    `${root}/node_modules/.bin/turbo`,
    ['run', 'build', '--concurrency=100%', '--output-logs=errors-only'],
    {
      quiet,
      env: { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', PATH: pathWithPnpm() },
    },
  );
}

/** PATH with that pnpm on it, for turbo, and for tests that pack packages as a release does. */
export function pathWithPnpm() {
  const { packageManager } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  const args = ['--yes', '--package', packageManager, '-c', 'command -v pnpm'];
  const { stdout } = spawnSync('npx', args, { cwd: root, env: { ...process.env, ...quietNpm }, encoding: 'utf8' });
  const folder = dirname((stdout ?? '').trim().split('\n').at(-1) ?? '');
  return folder === '.' ? process.env.PATH : `${folder}:${process.env.PATH}`;
}

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const ROMFS_PLUGIN = join(REPOSITORY, 'examples/plugin-romfs');

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** Compile every package and the example plugin, as a release does. */
export function buildAll(): void {
  const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
  const projects = ['packages/vmcraft', 'packages/testkit', 'examples/plugin-romfs'];
  execFileSync(process.execPath, [tsc, '-b', ...projects], { cwd: REPOSITORY, stdio: 'inherit' });
  execFileSync(process.execPath, ['tools/bundle.mjs'], { cwd: REPOSITORY, stdio: 'ignore' });
}

/**
 * Fill `project/node_modules` as an installation from the registry would: our packages from their tarballs, and what they depend on
 * from this checkout, so that no network is needed.
 * @returns what each tarball's package.json says
 */
export function installPacked(project: string): Map<string, Manifest> {
  const tarballs = join(project, 'tarballs');
  mkdirSync(tarballs, { recursive: true });
  const installed = new Map<string, Manifest>();
  const packages = readdirSync(join(REPOSITORY, 'packages')).map((name) => join(REPOSITORY, 'packages', name));
  for (const source of [...packages, ROMFS_PLUGIN]) {
    if (!existsSync(join(source, 'package.json'))) continue;
    const before = new Set(readdirSync(tarballs));
    execFileSync('pnpm', ['pack', '--pack-destination', tarballs], { cwd: source, stdio: 'ignore' });
    const tarball = readdirSync(tarballs).find((name) => !before.has(name)) as string;
    const target = join(project, 'node_modules', manifestOf(source).name);
    mkdirSync(target, { recursive: true });
    execFileSync('tar', ['-xzf', join(tarballs, tarball), '-C', target, '--strip-components=1']);
    const manifest = manifestOf(target);
    installed.set(manifest.name, manifest);
    for (const name of Object.keys(manifest.dependencies ?? {})) linkDependency(project, source, name);
  }
  return installed;
}

function linkDependency(project: string, source: string, name: string): void {
  const target = join(project, 'node_modules', name);
  const ours = name.startsWith('@vmcraft/') || name === 'vmcraft';
  if (ours || existsSync(target)) return;
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(realpathSync(join(source, 'node_modules', name)), target);
}

/** A package of one module, in a project. */
export function addPackage(project: string, name: string, source: string): void {
  const folder = join(project, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  const manifest = { name, version: '1.0.0', type: 'module', exports: './index.js', vmcraft: { plugin: '.' } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'index.js'), source);
}

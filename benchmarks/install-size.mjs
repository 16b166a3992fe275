// What `npm install vmcraft` puts on a disk.
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { host } from './sampler.mjs';

const packages = fileURLToPath(new URL('../packages', import.meta.url));
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Parts that a fresh bundle has: all that its entry leads to. Parts of earlier builds are kept beside them for a day. */
function bundleParts(folder) {
  const parts = new Set();
  const pending = ['cli.js'];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (parts.has(name) || !existsSync(join(folder, name))) continue;
    parts.add(name);
    const text = readFileSync(join(folder, name), 'utf8');
    for (const [, part] of text.matchAll(/["']\.\/([\w.-]+\.js)["']/g)) pending.push(part);
  }
  return parts;
}

/** Bytes of one of our packages as npm packs it. */
function packedSize(folder) {
  const [{ files }] = JSON.parse(host('npm', 'pack', '--dry-run', '--json', '--ignore-scripts', folder));
  const parts = bundleParts(join(folder, 'dist/bundle'));
  const isPublished = ({ path }) => !path.startsWith('dist/bundle/') || parts.has(basename(path));
  return files.filter(isPublished).reduce((sum, { size }) => sum + size, 0);
}

/** Bytes below a folder, and whether any is compiled for one kind of processor. */
function measureFolder(folder) {
  let bytes = 0;
  let native = existsSync(join(folder, 'binding.gyp'));
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    const part = entry.isDirectory()
      ? measureFolder(path)
      : { bytes: lstatSync(path).size, native: /\.(node|bare)$/.test(entry.name) };
    bytes += part.bytes;
    native ||= part.native;
  }
  return { bytes, native };
}

/** The folder that `name` is found in from a package, as Node looks for it. */
function dependencyFolder(from, name) {
  for (let at = from; ; at = dirname(at)) {
    const path = join(at, 'node_modules', name);
    if (existsSync(path)) return realpathSync(path);
    if (dirname(at) === at) throw new Error(`${name}, needed by ${from}, is not installed`);
  }
}

/** @returns {{ own: number, libraries: number, total: number, packages: number, native: string[], largest: { name: string, bytes: number }[] }} bytes on disk, unpacked */
export function installSize() {
  const sizes = new Map();
  const native = [];
  const pending = [join(packages, 'vmcraft')];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    if (sizes.has(folder)) continue;
    const isOwn = dirname(folder) === packages;
    const found = isOwn ? { bytes: packedSize(folder), native: false } : measureFolder(folder);
    sizes.set(folder, { isOwn, bytes: found.bytes });
    if (found.native) native.push(basename(folder));
    const { dependencies = {} } = readJson(join(folder, 'package.json'));
    for (const name of Object.keys(dependencies)) pending.push(dependencyFolder(folder, name));
  }
  const sum = (own) => [...sizes.values()].filter(({ isOwn }) => isOwn === own).reduce((n, { bytes }) => n + bytes, 0);
  const largest = [...sizes]
    .map(([folder, { bytes }]) => ({ name: readJson(join(folder, 'package.json')).name, bytes }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 4);
  return {
    own: sum(true),
    libraries: sum(false),
    total: sum(true) + sum(false),
    packages: sizes.size,
    native,
    largest,
  };
}

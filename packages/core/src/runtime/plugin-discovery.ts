import { lstat, readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { VmcraftPlugin, WarningSink } from '../contracts/index.js';
import { messageOf, PluginError } from '../errors/index.js';
import { PluginRegistry } from './registry.js';

/** Names of the configuration file, in order. */
const CONFIG_NAMES = ['vmcraft.config.js', 'vmcraft.config.mjs', 'vmcraft.config.cjs'];
/** Largest package.json that is looked at, bytes. */
const MAX_MANIFEST = 1 << 20;
/** Write permission of group and others. */
const OPEN_TO_OTHERS = 0o022;

/** Where to look for plugins. */
export interface DiscoveryPlaces {
  /** Folder whose package.json, and those above it, name installed plugins. */
  readonly folder: string;
  /** A folder of packages (`node_modules`) next to our own, for global installations. */
  readonly siblings?: string;
  /** A configuration file; otherwise `vmcraft.config.*` in `folder`. */
  readonly config?: string;
  /** Plugins that are there already: what has one of their names is passed over, what collides with them is not used. */
  readonly present?: readonly VmcraftPlugin[];
  readonly warn: WarningSink;
}

/** What a configuration file may say. */
export interface VmcraftConfig {
  /** Plugins, or names of packages that have one. */
  readonly plugins?: readonly (VmcraftPlugin | string)[];
}

interface Manifest {
  readonly name?: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly exports?: unknown;
  readonly main?: string;
  readonly vmcraft?: { readonly plugin?: string };
}

/**
 * Third-party plugins: those of the configuration file, and installed packages whose package.json has a `vmcraft.plugin` entry. Only
 * packages that the nearest package.json depends on are looked at, and siblings of our own that have `vmcraft` in their name. One that
 * does not load, or collides with one before it, is a warning; when the configuration names it, an error.
 * @throws PluginError
 */
export async function discoverPlugins(places: DiscoveryPlaces): Promise<readonly VmcraftPlugin[]> {
  const registry = new PluginRegistry(places.present);
  const present = new Set(registry.plugins());
  for (const plugin of await configuredPlugins(places)) registry.add(plugin);
  for (const folder of await installedPackages(places)) {
    try {
      const plugin = await loadPackagePlugin(folder);
      if (plugin !== undefined && !registry.plugins().some(({ name }) => name === plugin.name)) registry.add(plugin);
    } catch (error) {
      places.warn({ source: 'plugins', message: messageOf(error) });
    }
  }
  return registry.plugins().filter((plugin) => !present.has(plugin));
}

async function configuredPlugins(places: DiscoveryPlaces): Promise<VmcraftPlugin[]> {
  const path = places.config ?? (await findConfig(places));
  if (path === undefined) return [];
  const config = await importDefault<VmcraftConfig>(resolve(path), path);
  const plugins: VmcraftPlugin[] = [];
  for (const entry of config.plugins ?? []) {
    if (typeof entry === 'string') plugins.push(await pluginByName(entry, dirname(resolve(path))));
    else plugins.push(entry);
  }
  return plugins;
}

/** A configuration file is a program: one that somebody else could have put there is not run. */
async function findConfig({ folder, warn }: DiscoveryPlaces): Promise<string | undefined> {
  for (const name of CONFIG_NAMES) {
    const path = join(folder, name);
    const stat = await lstat(path).catch(() => undefined);
    if (stat === undefined) continue;
    if (stat.isFile() && (await isOwn(path)) && (await isOwn(folder))) return path;
    warn({
      source: 'plugins',
      message: `${path} is not used: others may write it; begin with '--config ${path}' to use it`,
    });
  }
  return undefined;
}

async function isOwn(path: string): Promise<boolean> {
  const stat = await lstat(path);
  const user = process.getuid?.();
  if (user === undefined) return true;
  return (stat.uid === user || stat.uid === 0) && (stat.mode & OPEN_TO_OTHERS) === 0;
}

async function pluginByName(name: string, folder: string): Promise<VmcraftPlugin> {
  for (const modules of modulesFolders(folder)) {
    const plugin = await loadPackagePlugin(join(modules, name));
    if (plugin !== undefined) return plugin;
  }
  throw new PluginError({ plugin: name, reason: 'is not installed, or has no vmcraft.plugin entry', install: name });
}

/** Folders of packages that may be plugins. */
async function installedPackages({ folder, siblings }: DiscoveryPlaces): Promise<string[]> {
  const packages = new Set<string>();
  for (const name of await dependenciesOf(folder)) {
    for (const modules of modulesFolders(folder)) packages.add(join(modules, name));
  }
  if (siblings !== undefined) for (const path of await packagesNamedVmcraft(siblings)) packages.add(path);
  return [...packages];
}

/** Names that the nearest package.json depends on. */
async function dependenciesOf(folder: string): Promise<string[]> {
  for (const at of upwards(folder)) {
    const manifest = await readManifest(at);
    if (manifest === undefined) continue;
    return (await isOwn(at)) ? Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }) : [];
  }
  return [];
}

async function packagesNamedVmcraft(modules: string): Promise<string[]> {
  const list = async (path: string): Promise<string[]> => readdir(path).catch(() => []);
  const found: string[] = [];
  for (const name of await list(modules)) {
    if (!name.startsWith('@')) found.push(name);
    else for (const inner of await list(join(modules, name))) found.push(`${name}/${inner}`);
  }
  return found.filter((name) => name.includes('vmcraft')).map((name) => join(modules, name));
}

/** The plugin of a package; undefined when there is no such package, or it has none. */
async function loadPackagePlugin(folder: string): Promise<VmcraftPlugin | undefined> {
  const manifest = await readManifest(folder);
  const entry = manifest?.vmcraft?.plugin;
  if (manifest === undefined || typeof entry !== 'string') return undefined;
  const name = manifest.name ?? folder;
  const file = exportedFile(manifest, entry);
  if (file === undefined) throw new PluginError({ plugin: name, reason: `does not export '${entry}'` });
  return importDefault<VmcraftPlugin>(join(folder, file), name);
}

/** The module's `plugin` or default export. */
async function importDefault<T>(path: string, name: string): Promise<T> {
  let module: { plugin?: T; default?: T & { plugin?: T } };
  try {
    module = (await import(pathToFileURL(path).href)) as typeof module;
  } catch (error) {
    throw new PluginError({ plugin: name, reason: `does not load: ${messageOf(error)}` }, error);
  }
  const value = module.plugin ?? module.default?.plugin ?? module.default;
  if (value === undefined) throw new PluginError({ plugin: name, reason: "exports neither 'plugin' nor a default" });
  return value;
}

/** The file of an export of a package: `.` and sub-paths, with the conditions that import() uses. */
function exportedFile(manifest: Manifest, entry: string): string | undefined {
  const { exports: all, main } = manifest;
  if (all === undefined) return entry === '.' ? (main ?? 'index.js') : entry;
  const bySubpath = typeof all === 'object' && all !== null && Object.keys(all).some((key) => key.startsWith('.'));
  return pickTarget(bySubpath ? (all as Record<string, unknown>)[entry] : entry === '.' ? all : undefined);
}

const CONDITIONS = new Set(['import', 'node', 'module-sync', 'default']);

function pickTarget(target: unknown): string | undefined {
  if (typeof target === 'string') return target.startsWith('./') && !target.includes('..') ? target : undefined;
  if (typeof target !== 'object' || target === null) return undefined;
  for (const [condition, inner] of Object.entries(target)) {
    const found = CONDITIONS.has(condition) ? pickTarget(inner) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    const text = await readFile(join(folder, 'package.json'), 'utf8');
    return text.length > MAX_MANIFEST ? undefined : (JSON.parse(text) as Manifest);
  } catch {
    return undefined;
  }
}

function upwards(folder: string): string[] {
  const all: string[] = [];
  for (let at = resolve(folder); ; at = dirname(at)) {
    all.push(at);
    if (at === dirname(at)) return all;
  }
}

function modulesFolders(folder: string): string[] {
  return upwards(folder).map((at) => join(at, 'node_modules'));
}

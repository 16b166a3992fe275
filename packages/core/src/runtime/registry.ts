import type { ProviderDescriptor, ProviderKind, VmcraftPlugin } from '../contracts/index.js';
import { messageOf, PluginError } from '../errors/index.js';

/** Version of the plugin contract that this core speaks. */
const API_VERSION = 1;
const KINDS: ReadonlySet<string> = new Set(['backend', 'storage', 'filesystem', 'os', 'runner', 'actions']);

type DescriptorOf<K extends ProviderKind> = Extract<ProviderDescriptor, { kind: K }>;

/** The plugins of a process or of one guest, and what they provide. Loading a provider happens once. */
export class PluginRegistry {
  readonly #plugins = new Map<string, VmcraftPlugin>();
  readonly #providers: { readonly plugin: string; readonly descriptor: ProviderDescriptor }[] = [];
  readonly #loaded = new Map<ProviderDescriptor, Promise<unknown>>();

  constructor(plugins: readonly VmcraftPlugin[] = []) {
    for (const plugin of plugins) this.add(plugin);
  }

  /** @throws PluginError when it is no plugin, speaks another version, or takes a name that is in use */
  add(plugin: VmcraftPlugin): void {
    checkShape(plugin);
    if (this.#plugins.get(plugin.name) === plugin) return;
    if (this.#plugins.has(plugin.name)) {
      throw new PluginError({ plugin: plugin.name, conflict: [plugin.name], reason: 'two plugins have this name' });
    }
    for (const descriptor of plugin.providers) {
      const other = this.#providers.find(
        (p) => p.descriptor.kind === descriptor.kind && p.descriptor.name === descriptor.name,
      );
      if (other === undefined) continue;
      const reason = `provides the ${descriptor.kind} '${descriptor.name}', which ${other.plugin} provides already`;
      throw new PluginError({ plugin: plugin.name, conflict: [plugin.name, other.plugin], reason });
    }
    this.#plugins.set(plugin.name, plugin);
    for (const descriptor of plugin.providers) this.#providers.push({ plugin: plugin.name, descriptor });
  }

  plugins(): readonly VmcraftPlugin[] {
    return [...this.#plugins.values()];
  }

  /** Name of the plugin that a provider belongs to. */
  pluginOf(descriptor: ProviderDescriptor): string | undefined {
    return this.#providers.find((p) => p.descriptor === descriptor)?.plugin;
  }

  /** Descriptors of a kind, best rank first. */
  candidates<K extends ProviderKind>(kind: K): readonly DescriptorOf<K>[] {
    const all = this.#providers.map((p) => p.descriptor).filter((d): d is DescriptorOf<K> => d.kind === kind);
    return all.sort((a, b) => b.rank - a.rank || (a.name < b.name ? -1 : 1));
  }

  /** The provider behind a descriptor. @throws PluginError when it does not load */
  load<D extends ProviderDescriptor>(descriptor: D): Promise<Awaited<ReturnType<D['load']>>> {
    let loaded = this.#loaded.get(descriptor);
    if (loaded === undefined) {
      loaded = descriptor.load().catch((error: unknown) => {
        this.#loaded.delete(descriptor);
        const plugin = this.pluginOf(descriptor) ?? descriptor.name;
        throw new PluginError({ plugin, reason: `${descriptor.name} does not load: ${messageOf(error)}` }, error);
      });
      this.#loaded.set(descriptor, loaded);
    }
    return loaded as Promise<Awaited<ReturnType<D['load']>>>;
  }
}

function checkShape(plugin: VmcraftPlugin): void {
  const given = plugin as Partial<VmcraftPlugin> | null | undefined;
  const name = typeof given?.name === 'string' ? given.name : '(unnamed)';
  if (typeof given?.name !== 'string' || !Array.isArray(given.providers)) {
    throw new PluginError({ plugin: name, reason: 'is not a VMCraft plugin: it has no name or no providers' });
  }
  if (given.apiVersion !== API_VERSION) {
    const reason = `speaks version ${String(given.apiVersion)} of the plugin contract, not ${API_VERSION}`;
    throw new PluginError({ plugin: name, reason });
  }
  for (const descriptor of plugin.providers) {
    const isWhole =
      KINDS.has(descriptor?.kind) &&
      typeof descriptor.name === 'string' &&
      Number.isFinite(descriptor.rank) &&
      typeof descriptor.capabilities?.supports === 'object' &&
      typeof descriptor.load === 'function';
    if (!isWhole) {
      throw new PluginError({ plugin: name, reason: `its provider '${String(descriptor?.name)}' is not complete` });
    }
  }
}

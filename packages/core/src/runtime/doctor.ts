import type { Availability, FsDriver, ProviderDescriptor } from '../contracts/index.js';
import { messageOf } from '../errors/index.js';
import type { PluginRegistry } from './registry.js';

/** One line of the table that `vmcraft doctor` prints. */
export interface DoctorEntry {
  readonly plugin: string;
  readonly kind: ProviderDescriptor['kind'];
  readonly name: string;
  readonly summary: string;
  readonly rank: number;
  readonly supports: ProviderDescriptor['capabilities']['supports'];
  readonly schemes: readonly string[];
  readonly hostRequirements: readonly string[];
  readonly availability: Availability;
}

const KINDS = ['backend', 'storage', 'filesystem', 'os', 'runner', 'actions'] as const;

/** Every provider, what it can do, and whether it works on this host. Loads all of them. */
export async function examineHost(registry: PluginRegistry): Promise<readonly DoctorEntry[]> {
  const descriptors = KINDS.flatMap((kind): readonly ProviderDescriptor[] => registry.candidates(kind));
  return Promise.all(descriptors.map((descriptor) => examine(registry, descriptor)));
}

async function examine(registry: PluginRegistry, descriptor: ProviderDescriptor): Promise<DoctorEntry> {
  const { kind, name, summary, rank, capabilities } = descriptor;
  return {
    plugin: registry.pluginOf(descriptor) ?? '',
    kind,
    name,
    summary,
    rank,
    supports: capabilities.supports,
    schemes: capabilities.schemes ?? (kind === 'backend' ? ['file'] : []),
    hostRequirements: capabilities.hostRequirements ?? [],
    availability: await availabilityOf(registry, descriptor),
  };
}

async function availabilityOf(registry: PluginRegistry, descriptor: ProviderDescriptor): Promise<Availability> {
  try {
    if (descriptor.kind === 'backend') return await (await registry.load(descriptor)).available();
    if (descriptor.kind === 'runner') return await (await registry.load(descriptor)).available();
    const provider = await registry.load(descriptor);
    if (descriptor.kind !== 'filesystem') return { available: true };
    return (await (provider as FsDriver).available?.()) ?? { available: true };
  } catch (error) {
    return { available: false, reason: messageOf(error) };
  }
}

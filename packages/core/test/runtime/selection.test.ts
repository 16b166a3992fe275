import { describe, expect, it } from 'vitest';
import type { Ability, BackendDescriptor, VmcraftPlugin } from '../../src/contracts/index.js';
import { NoProviderError, PluginError } from '../../src/errors/index.js';
import { PluginRegistry, type ProviderRequirement, selectProviders } from '../../src/runtime/index.js';

function backend(
  name: string,
  rank: number,
  supports: Record<string, Ability[]>,
  schemes = ['file'],
): BackendDescriptor {
  return {
    kind: 'backend',
    name,
    summary: name,
    rank,
    capabilities: { supports, schemes },
    load: () => Promise.reject(new Error(`${name} is broken`)),
  };
}

const image = backend('image', 100, { raw: ['read', 'write'], qcow2: ['read', 'write'], vmdk: ['read'] });
const nbd = backend('nbd', 50, { raw: ['read', 'write'], qcow2: ['read', 'write'], vmdk: ['read', 'write'] }, [
  'file',
  'nbd',
]);
const appliance = backend('appliance', 10, { '*': ['read', 'write'] });
const all = [appliance, nbd, image];

const wanted = (subject: string, abilities: Ability[], scheme = 'file'): ProviderRequirement => ({
  kind: 'backend',
  subject,
  abilities,
  scheme,
});
const names = (requirement: ProviderRequirement, hints = {}): string[] =>
  selectProviders(all, requirement, hints).ranked.map((r) => r.descriptor.name);

describe('selectProviders', () => {
  it('ranks what fits, whatever the order of registration', () => {
    expect(names(wanted('qcow2', ['read', 'write']))).toEqual(['image', 'nbd', 'appliance']);
    expect(names(wanted('vmdk', ['read']))).toEqual(['image', 'nbd', 'appliance']);
  });

  it('goes to a heavier provider for what the lighter one lacks, and says what that was', () => {
    const selection = selectProviders(all, wanted('vmdk', ['read', 'write']));
    expect(selection.ranked.map((r) => r.descriptor.name)).toEqual(['nbd', 'appliance']);
    expect(selection.rejected).toEqual([{ name: 'image', reason: 'cannot write vmdk' }]);
  });

  it('knows schemes, wildcards and hints', () => {
    expect(names(wanted('raw', ['read'], 'nbd'))).toEqual(['nbd']);
    expect(names(wanted('never-heard-of', ['read']))).toEqual(['appliance']);
    expect(names(wanted('raw', ['read']), { provider: 'nbd' })).toEqual(['nbd']);
    expect(names(wanted('raw', ['read']), { unavailable: new Map([['image', 'not here']]) })).toEqual([
      'nbd',
      'appliance',
    ]);
  });

  it('does not take names of Object.prototype for formats', () => {
    expect(() => selectProviders([image], wanted('constructor', ['read']))).toThrow(NoProviderError);
  });

  it('names every candidate and its lack when nothing fits', () => {
    try {
      selectProviders([image, nbd], wanted('vdi', ['read'], 'nbd'));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(NoProviderError);
      expect((error as NoProviderError).message).toBe(
        'nothing can read vdi over nbd: image: opens file, not nbd; nbd: does not know vdi',
      );
    }
  });

  it('refuses to choose between two of equal rank, unless one is named', () => {
    const twin = backend('twin', 100, { raw: ['read'] });
    expect(() => selectProviders([...all, twin], wanted('raw', ['read']))).toThrow(
      /'image' and 'twin' both read raw with rank 100/,
    );
    expect(names(wanted('raw', ['read']))).toEqual(['image', 'nbd', 'appliance']);
    expect(selectProviders([...all, twin], wanted('raw', ['read']), { provider: 'twin' }).ranked).toHaveLength(1);
  });
});

describe('PluginRegistry', () => {
  const plugin = (name: string, ...providers: BackendDescriptor[]): VmcraftPlugin => ({
    name,
    apiVersion: 1,
    providers,
  });

  it('refuses what is no plugin, another version, and names that are taken', () => {
    const registry = new PluginRegistry([plugin('one', image)]);
    expect(() => registry.add(undefined as unknown as VmcraftPlugin)).toThrow(PluginError);
    expect(() => registry.add({ name: 'x', apiVersion: 2, providers: [] } as unknown as VmcraftPlugin)).toThrow(
      'speaks version 2',
    );
    expect(() => registry.add({ name: 'x', apiVersion: 1, providers: [{}] } as unknown as VmcraftPlugin)).toThrow(
      'not complete',
    );
    expect(() => registry.add(plugin('one', nbd))).toThrow('two plugins have this name');
    expect(() => registry.add(plugin('two', image))).toThrow(
      "provides the backend 'image', which one provides already",
    );
    expect(registry.candidates('backend')).toEqual([image]);
  });

  it('lists by rank, loads once, and says whose provider does not load', async () => {
    let loads = 0;
    const good: BackendDescriptor = { ...nbd, load: async () => ({ loads: ++loads }) as never };
    const registry = new PluginRegistry([plugin('two', good), plugin('one', image)]);
    expect(registry.candidates('backend').map((d) => d.name)).toEqual(['image', 'nbd']);
    expect(await registry.load(good)).toBe(await registry.load(good));
    expect(loads).toBe(1);
    await expect(registry.load(image)).rejects.toThrow('plugin one: image does not load: image is broken');
  });
});

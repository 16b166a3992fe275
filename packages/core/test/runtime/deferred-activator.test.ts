import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../src/block/index.js';
import type { StorageDescriptor } from '../../src/contracts/index.js';
import { DeferredActivator } from '../../src/runtime/deferred-activator.js';

const descriptor = (...types: string[]): StorageDescriptor => ({
  kind: 'storage',
  name: 'described',
  summary: 'for a test',
  rank: 1,
  capabilities: { supports: Object.fromEntries(types.map((type) => [type, ['activate'] as const])) },
  load: () => Promise.reject(new Error('the registry loads')),
});

describe('an activator that is loaded when it is needed', () => {
  it('says which members it has where the signature table knows them all', () => {
    const make = (...types: string[]) => new DeferredActivator(descriptor(...types), descriptor().load);
    expect(make('crypto_LUKS').memberTypes).toEqual(['crypto_LUKS']);
    expect(make('crypto_LUKS', 'something_else').memberTypes).toBeUndefined();
    expect(make('*').memberTypes).toBeUndefined();
  });

  it('loads once, and has the name of what was loaded', async () => {
    let loads = 0;
    const device = new MemoryDevice(4096);
    const member = { type: 'crypto_LUKS', groupId: 'g', uuid: 'u', device };
    const volume = { name: '/dev/mapper/v', kind: 'crypt', device };
    const activator = new DeferredActivator(descriptor('crypto_LUKS'), async () => {
      loads += 1;
      return { name: 'loaded', probe: async () => member, activate: async () => [volume] };
    });
    expect(activator.name).toBe('described');
    expect(await activator.probe(device)).toBe(member);
    expect(await activator.activate([member], { keys: { keysFor: async () => [] }, warn: () => {} })).toEqual([volume]);
    expect([activator.name, loads]).toEqual(['loaded', 1]);
  });
});

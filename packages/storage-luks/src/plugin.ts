import { definePlugin } from '@vmcraft/core/contracts';

/** LUKS1 and LUKS2 containers, in-process. */
export const plugin = definePlugin({
  name: '@vmcraft/storage-luks',
  apiVersion: 1,
  providers: [
    {
      kind: 'storage',
      name: 'storage-luks',
      summary: 'LUKS1 and LUKS2 containers, read and write',
      rank: 100,
      capabilities: { supports: { crypto_LUKS: ['read', 'write', 'activate', 'format'] }, hostRequirements: [] },
      load: async () => (await import('./activator.js')).luksActivator(),
    },
  ],
});

import { definePlugin } from '@vmcraft/core/contracts';

/** BitLocker volumes, in-process. */
export const plugin = definePlugin({
  name: '@vmcraft/storage-bitlocker',
  apiVersion: 1,
  providers: [
    {
      kind: 'storage',
      name: 'storage-bitlocker',
      summary: 'BitLocker volumes, read',
      rank: 100,
      capabilities: { supports: { BitLocker: ['read', 'activate'] }, hostRequirements: [] },
      load: async () => (await import('./activator.js')).bitlockerActivator,
    },
  ],
});

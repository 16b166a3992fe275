import { definePlugin } from '@vmcraft/core/contracts';

/** ISO 9660 with Rock Ridge, Joliet and zisofs, in-process. */
export const plugin = definePlugin({
  name: '@vmcraft/fs-iso9660',
  apiVersion: 1,
  providers: [
    {
      kind: 'filesystem',
      name: 'fs-iso9660',
      summary: 'ISO 9660 with Rock Ridge, Joliet and zisofs, read',
      rank: 100,
      capabilities: { supports: { iso9660: ['read'] }, hostRequirements: [] },
      load: async () => (await import('./driver.js')).isoDriver,
    },
  ],
});

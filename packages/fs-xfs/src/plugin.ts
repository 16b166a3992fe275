import { definePlugin } from '@vmcraft/core/contracts';

/** XFS, in-process. */
export const plugin = definePlugin({
  name: '@vmcraft/fs-xfs',
  apiVersion: 1,
  providers: [
    {
      kind: 'filesystem',
      name: 'fs-xfs',
      summary: 'XFS version 4 and 5, read',
      rank: 100,
      capabilities: { supports: { xfs: ['read', 'xattr'] }, hostRequirements: [] },
      load: async () => (await import('./driver.js')).xfsDriver,
    },
  ],
});

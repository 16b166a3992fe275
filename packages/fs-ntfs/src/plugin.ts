import { definePlugin } from '@vmcraft/core/contracts';

/** NTFS 3.0 and 3.1, in-process. */
export const plugin = definePlugin({
  name: '@vmcraft/fs-ntfs',
  apiVersion: 1,
  providers: [
    {
      kind: 'filesystem',
      name: 'fs-ntfs',
      summary: 'NTFS 3.0 and 3.1, read, write, format and check',
      rank: 100,
      capabilities: { supports: { ntfs: ['read', 'write', 'format', 'xattr', 'check'] }, hostRequirements: [] },
      load: async () => (await import('./driver.js')).ntfsDriver,
    },
  ],
});

import { definePlugin } from '@vmcraft/core/contracts';

/** Btrfs, in-process. */
export const plugin = definePlugin({
  name: '@vmcraft/fs-btrfs',
  apiVersion: 1,
  providers: [
    {
      kind: 'filesystem',
      name: 'fs-btrfs',
      summary: 'Btrfs over one or several devices, with subvolumes, read',
      rank: 100,
      capabilities: { supports: { btrfs: ['read', 'xattr'] }, hostRequirements: [] },
      load: async () => (await import('./driver.js')).btrfsDriver,
    },
  ],
});

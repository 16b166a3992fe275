import { definePlugin } from '@vmcraft/core/contracts';

/** Squashfs 4, in-process. */
export const plugin = definePlugin({
  name: '@vmcraft/fs-squashfs',
  apiVersion: 1,
  providers: [
    {
      kind: 'filesystem',
      name: 'fs-squashfs',
      summary: 'Squashfs 4 with gzip, xz, lzo, lz4 and zstd, read',
      rank: 100,
      capabilities: { supports: { squashfs: ['read', 'xattr'] }, hostRequirements: [] },
      load: async () => (await import('./driver.js')).squashfsDriver,
    },
  ],
});

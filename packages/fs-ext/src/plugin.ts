import { definePlugin } from '@vmcraft/core/contracts';

/** Descriptor of the plugin: ext2, ext3 and ext4, read and write. */
export const plugin = definePlugin({
  name: '@vmcraft/fs-ext',
  apiVersion: 1,
  providers: [
    {
      kind: 'filesystem',
      name: 'fs-ext',
      summary: 'ext2, ext3 and ext4, read, write, format, check, in-process',
      rank: 100,
      capabilities: {
        supports: {
          ext2: ['read', 'write', 'format', 'check', 'xattr', 'resize'],
          ext3: ['read', 'write', 'format', 'check', 'xattr', 'resize'],
          ext4: ['read', 'write', 'format', 'check', 'xattr', 'resize'],
        },
      },
      load: async () => (await import('./driver.js')).extDriver(),
    },
  ],
});

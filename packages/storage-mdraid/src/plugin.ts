import { definePlugin } from '@vmcraft/core/contracts';

/** Linux software RAID, in-process. */
export const plugin = definePlugin({
  name: '@vmcraft/storage-mdraid',
  apiVersion: 1,
  providers: [
    {
      kind: 'storage',
      name: 'storage-mdraid',
      summary: 'Linux software RAID (md): linear, 0, 1, 4, 5, 6, 10; degraded ones too',
      rank: 100,
      capabilities: {
        supports: {
          linux_raid_member: ['activate', 'read', 'write'],
          ddf_raid_member: [],
          isw_raid_member: [],
        },
        hostRequirements: [],
      },
      load: async () => (await import('./activator.js')).mdActivator,
    },
    {
      kind: 'actions',
      name: 'md-actions',
      summary: 'md arrays: list, describe, make, stop',
      rank: 100,
      capabilities: { supports: { linux_raid_member: ['read', 'write', 'format'] } },
      load: async () => (await import('./actions/index.js')).mdActions,
    },
  ],
});

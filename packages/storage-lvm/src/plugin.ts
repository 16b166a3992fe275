import { definePlugin } from '@vmcraft/core/contracts';

/** LVM2 volumes, in-process. */
export const plugin = definePlugin({
  name: '@vmcraft/storage-lvm',
  apiVersion: 1,
  providers: [
    {
      kind: 'storage',
      name: 'storage-lvm',
      summary: 'LVM2: linear, striped, mirrored, RAID and thin volumes, snapshots',
      rank: 100,
      capabilities: { supports: { LVM2_member: ['activate', 'read', 'write'], LVM1_member: [] }, hostRequirements: [] },
      load: async () => (await import('./activator.js')).lvmActivator,
    },
    {
      kind: 'actions',
      name: 'lvm-actions',
      summary: 'volume groups and volumes: list, make, resize, rename, remove',
      rank: 100,
      capabilities: { supports: { LVM2_member: ['read', 'write', 'format', 'resize'] } },
      load: async () => (await import('./actions/index.js')).lvmActions,
    },
  ],
});

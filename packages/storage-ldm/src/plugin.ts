import { definePlugin } from '@vmcraft/core/contracts';

/** Volumes of Windows dynamic disks, in-process. */
export const plugin = definePlugin({
  name: '@vmcraft/storage-ldm',
  apiVersion: 1,
  providers: [
    {
      kind: 'storage',
      name: 'storage-ldm',
      summary: 'Windows dynamic disks: simple, spanned, striped, mirrored and RAID-5 volumes',
      rank: 100,
      capabilities: {
        supports: { LDM_member: ['read', 'write', 'activate'] },
        claimsPartitioned: true,
        hostRequirements: [],
      },
      load: async () => (await import('./activator.js')).ldmActivator,
    },
    {
      kind: 'actions',
      name: 'ldm-actions',
      summary: 'disk groups and volumes of Windows dynamic disks: list and describe',
      rank: 100,
      capabilities: { supports: { LDM_member: ['read', 'activate'] } },
      load: async () => (await import('./actions/index.js')).ldmActions,
    },
  ],
});

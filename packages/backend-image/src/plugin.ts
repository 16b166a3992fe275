import { definePlugin } from '@vmcraft/core';

/** Descriptor of this package: what it does with which format. Nothing is loaded before it is used. */
export const plugin = definePlugin({
  name: '@vmcraft/backend-image',
  apiVersion: 1,
  providers: [
    {
      kind: 'backend',
      name: 'image',
      summary: 'Disk image files, in this process',
      rank: 100,
      capabilities: {
        supports: {
          raw: ['read', 'write', 'create', 'resize'],
          qcow2: ['read', 'write', 'create', 'resize'],
          vmdk: ['read'],
          vpc: ['read'],
          vhdx: ['read'],
          vdi: ['read'],
        },
        schemes: ['file'],
        hostRequirements: [],
      },
      load: async () => (await import('./backend.js')).imageBackend,
    },
  ],
});

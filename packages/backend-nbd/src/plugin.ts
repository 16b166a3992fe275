import { definePlugin } from '@vmcraft/core';

const READ_WRITE = ['read', 'write'] as const;

/** Descriptor of this package: whatever qemu opens, and NBD exports. */
export const plugin = definePlugin({
  name: '@vmcraft/backend-nbd',
  apiVersion: 1,
  providers: [
    {
      kind: 'backend',
      name: 'nbd',
      summary: 'images through a private qemu-nbd process, also of other hosts, and NBD servers',
      rank: 50,
      capabilities: {
        supports: {
          raw: READ_WRITE,
          qcow2: READ_WRITE,
          vmdk: READ_WRITE,
          vpc: READ_WRITE,
          vhdx: READ_WRITE,
          vdi: READ_WRITE,
          qcow: READ_WRITE,
          qed: READ_WRITE,
          parallels: READ_WRITE,
          bochs: ['read'],
          cloop: ['read'],
          dmg: ['read'],
        },
        schemes: [
          'file',
          'nbd',
          'nbd+unix',
          'nbds',
          'nbds+unix',
          'http',
          'https',
          'ftp',
          'ftps',
          'ssh',
          'iscsi',
          'rbd',
        ],
        hostRequirements: ['qemu-nbd', 'qemu-img'],
      },
      load: async () => new (await import('./backend.js')).NbdBackend(),
    },
  ],
});

import { definePlugin } from '@vmcraft/core';

/** Descriptor of this package: an inspector for Linux guests. */
export const plugin = definePlugin({
  name: '@vmcraft/os-linux',
  apiVersion: 1,
  providers: [
    {
      kind: 'os',
      name: 'os-linux',
      summary: 'Linux distributions: release files, fstab, kernels, users, packages of dpkg, rpm, apk and pacman',
      rank: 100,
      capabilities: { supports: { linux: ['inspect'] } },
      load: async () => new (await import('./inspector.js')).LinuxInspector(),
    },
  ],
});

import { definePlugin } from '@vmcraft/core';

/** Descriptor of this package: an inspector for Windows guests, and actions on their registry. */
export const plugin = definePlugin({
  name: '@vmcraft/os-windows',
  apiVersion: 1,
  providers: [
    {
      kind: 'os',
      name: 'os-windows',
      summary:
        'Windows 7 to 11 and Server 2008 R2 to 2025: registry, accounts, services, boot configuration, drive letters',
      rank: 100,
      capabilities: { supports: { windows: ['inspect'] } },
      load: async () => new (await import('./inspect/inspector.js')).WindowsInspector(),
    },
    {
      kind: 'actions',
      name: 'windows-actions',
      summary:
        'Windows guests: registry, the hivex functions, drivers, services, passwords, scripts for the first boot',
      rank: 100,
      capabilities: { supports: { windows: ['read', 'write'] } },
      load: async () => (await import('./actions/index.js')).windowsActions,
    },
  ],
});

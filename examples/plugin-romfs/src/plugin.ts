import { definePlugin } from '@vmcraft/core';

/** What this package provides. `load` imports the driver only when a romfs was asked for. */
export const plugin = definePlugin({
  name: 'vmcraft-plugin-romfs',
  apiVersion: 1,
  providers: [
    {
      kind: 'filesystem',
      name: 'romfs',
      summary: 'romfs, the read-only file system of small boot images',
      rank: 100,
      capabilities: { supports: { romfs: ['read'] } },
      load: async () => new (await import('./driver.js')).RomFsDriver(),
    },
  ],
});

import { definePlugin } from '@vmcraft/core/contracts';

const FULL = ['read', 'write', 'format', 'check'] as const;

/** FAT12, FAT16, FAT32 and exFAT, in-process. */
export const plugin = definePlugin({
  name: '@vmcraft/fs-fat',
  apiVersion: 1,
  providers: [
    {
      kind: 'filesystem',
      name: 'fs-fat',
      summary: 'FAT12, FAT16, FAT32 and exFAT, read and write',
      rank: 100,
      capabilities: {
        supports: { vfat: FULL, fat12: FULL, fat16: FULL, fat32: FULL, msdos: FULL, exfat: FULL },
        hostRequirements: [],
      },
      load: async () => (await import('./driver.js')).fatDriver,
    },
  ],
});

import { deepStrictEqual } from 'node:assert/strict';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { fsDriverCompliance } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { fatDriver } from '../src/index.js';
import { formatted } from './support.js';

const MIB = 1024 * 1024;

for (const [type, size] of [
  ['fat12', 3 * MIB],
  ['fat16', 12 * MIB],
  ['fat32', 40 * MIB],
  ['exfat', 8 * MIB],
] as const) {
  fsDriverCompliance(
    { describe, it },
    {
      name: type,
      create: async () => ({
        driver: fatDriver,
        device: await formatted(type, size),
        type: type === 'exfat' ? 'exfat' : 'vfat',
        abilities: ['write', 'trim', 'label'],
        lacks: ['links', 'symlinks', 'owners', 'modes', 'devices'],
        check: async (device: BlockDevice) =>
          deepStrictEqual(await fatDriver.check!(device), { clean: true, findings: [] }),
      }),
    },
  );
}

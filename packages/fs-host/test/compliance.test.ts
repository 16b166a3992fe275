import { fsDriverCompliance, requireTools } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { HostFsDriver } from '../src/index.js';
import { makeImage, ROOT_NEEDS } from './support.js';

const TYPES: readonly (readonly [type: string, megabytes: number])[] = [
  ['xfs', 64],
  ['btrfs', 128],
];

describe.runIf(requireTools(...ROOT_NEEDS))('contract', { timeout: 120_000 }, () => {
  for (const [type, megabytes] of TYPES) {
    fsDriverCompliance(
      { describe, it },
      {
        name: `${type} by this host`,
        create: async () => {
          const image = await makeImage(type, megabytes);
          const device = await image.device();
          return {
            driver: new HostFsDriver(),
            device,
            type,
            abilities: ['write', 'xattr', 'sparse'],
            check: () => image.check(),
            dispose: async () => {
              await device.close();
              await image.dispose();
            },
          };
        },
      },
    );
  }
});

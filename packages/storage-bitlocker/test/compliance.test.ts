import { MemoryDevice } from '@vmcraft/core/block';
import { storageActivatorCompliance } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { bitlockerActivator, MEMBER_TYPE } from '../src/index.js';
import { makeBek, makeVolume, plainVolume, VOLUME_ID } from './make-volume.js';

const BEK_ID = '7b2f3e66-0001-4c0f-9d3a-5d6f0a1b2c3d';

/** Without ciphers of the platform: the portable ones have to give the same. */
for (const layout of ['vista', 'seven', 'togo'] as const) {
  storageActivatorCompliance(
    { describe, it },
    {
      name: `BitLocker, ${layout}`,
      create: async () => {
        const protectors = [{ kind: 'bek', id: BEK_ID }] as const;
        const { image, shown } = await makeVolume({ plain: plainVolume(0x120000), method: 0x8000, layout, protectors });
        return {
          activator: bitlockerActivator,
          devices: [MemoryDevice.from(image)],
          memberType: MEMBER_TYPE,
          volumes: { [`/dev/mapper/bitlk-${VOLUME_ID}`]: shown },
          key: makeBek(BEK_ID),
          writable: false,
        };
      },
    },
  );
}

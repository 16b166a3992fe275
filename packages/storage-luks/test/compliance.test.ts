import { MemoryDevice } from '@vmcraft/core/block';
import { pattern, storageActivatorCompliance } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { luksActivator, MEMBER_TYPE } from '../src/index.js';
import { context, open, randomBytes, text, tools } from './container-file.js';

const QUICK = { pbkdf: 'pbkdf2', iterations: 1000, digestIterations: 1000, keyBits: 128 };
const UUID = '01234567-89ab-4def-8123-456789abcdef';

/** Without ciphers of the platform: the portable ones have to give the same. */
for (const version of [1, 2] as const) {
  storageActivatorCompliance(
    { describe, it },
    {
      name: `LUKS${version}`,
      create: async () => {
        const device = new MemoryDevice(3 << 20);
        const request = { key: text('secret'), slot: 0, version, uuid: UUID, extra: QUICK, randomBytes };
        await tools.format(device, { ...request, cipher: 'aes-cbc-essiv:sha256' }, context);
        const content = pattern(100_000);
        await (await open(device)).device.write(0, content);
        return {
          activator: luksActivator(),
          devices: [device],
          memberType: MEMBER_TYPE,
          volumes: { [`/dev/mapper/luks-${UUID}`]: content },
          key: text('secret'),
          writable: true,
        };
      },
    },
  );
}

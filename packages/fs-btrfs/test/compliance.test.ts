import { fsDriverCompliance } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { btrfsDriver } from '../src/index.js';
import { devicesOf } from './fixtures.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Some of what fill.sh makes. */
const FILES = {
  'deep/er/still/file': bytes('hello\n'),
  inline: bytes('i'.repeat(1500)),
  'sub/file': bytes('inside\n'),
  packs: bytes('the same line again and again\n'.repeat(23_334).slice(0, 700_001)),
};

for (const kind of ['single', 'dup', 'mixed']) {
  fsDriverCompliance(
    { describe, it },
    {
      name: `btrfs, ${kind}`,
      create: async () => {
        const [device] = await devicesOf(kind);
        return { driver: btrfsDriver, device: device!, type: 'btrfs', abilities: [], files: FILES };
      },
    },
  );
}

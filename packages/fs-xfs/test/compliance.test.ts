import { fsDriverCompliance } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { xfsDriver } from '../src/index.js';
import { deviceOf } from './fixtures.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const numbers = Array.from({ length: 9000 }, (_, i) => `${i + 1}\n`).join('');
/** Some of what fill.sh makes. */
const FILES = { 'short/deep/er/file': bytes('hello\n'), 'block/name 7': bytes('7\n'), text: bytes(numbers) };

for (const kind of ['today', 'blocks-1k', 'sectors-4k']) {
  fsDriverCompliance(
    { describe, it },
    {
      name: `xfs, ${kind}`,
      create: async () => ({
        driver: xfsDriver,
        device: await deviceOf(kind),
        type: 'xfs',
        abilities: [],
        files: FILES,
      }),
    },
  );
}

import { blockBackendCompliance, requireTools } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { imageFixture } from './images.js';

const formats: [string, string[]][] = [
  ['raw', []],
  ['qcow2', []],
  ['vmdk', []],
  ['vhdx', []],
  ['vdi', []],
];

describe.runIf(requireTools('qemu-nbd', 'qemu-img'))('qemu-nbd', () => {
  for (const [format, options] of formats) {
    blockBackendCompliance(
      { describe, it },
      { name: `backend-nbd, ${format}`, create: async () => imageFixture(format, options) },
    );
  }
});

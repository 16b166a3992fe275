import { strictEqual } from 'node:assert/strict';
import type { MemoryDevice } from '@vmcraft/core/block';
import { fsDriverCompliance, requireTools } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { extDriver } from '../src/index.js';
import { complaints, deviceOf, mke2fs } from './support.js';

const SETS: readonly (readonly [name: string, type: string, args: string])[] = [
  ['ext2', 'ext2', '-t ext2'],
  ['ext3', 'ext3', '-t ext3'],
  ['ext4', 'ext4', '-t ext4'],
  ['ext4 with inline data', 'ext4', '-t ext4 -O inline_data -b 1024'],
  ['ext4 with clusters', 'ext4', '-t ext4 -O bigalloc -C 16384'],
];

describe.runIf(requireTools('mke2fs', 'e2fsck'))('contract', () => {
  for (const [name, type, args] of SETS) {
    fsDriverCompliance(
      { describe, it },
      {
        name,
        create: async () => ({
          driver: extDriver(),
          device: await deviceOf(await mke2fs(`${args} -N 2048`, 12)),
          type,
          abilities: ['write', 'xattr', 'sparse', 'trim', 'label', 'flags', 'tune', 'resize'],
          check: async (device) => strictEqual(await complaints(device as MemoryDevice), ''),
        }),
      },
    );
  }
});

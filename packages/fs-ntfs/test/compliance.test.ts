import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MemoryDevice } from '@vmcraft/core/block';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { fsDriverCompliance, requireTools } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { ntfsDriver } from '../src/index.js';
import { mkntfs, saveImage } from './support.js';

const MIB = 1024 * 1024;

/** `ntfsfix -n` has nothing to repair. */
async function ntfsfix(device: BlockDevice): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-ntfs-'));
  try {
    const path = await saveImage(device as MemoryDevice, join(folder, 'image'));
    const out = execFileSync('ntfsfix', ['-n', path], { encoding: 'utf8' });
    if (!out.includes('processed successfully')) throw new Error(out);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const [name, options] of [
  ['clusters of 4 KiB', ['-c', '4096']],
  ['clusters of 512 bytes', ['-c', '512']],
  ['sectors of 4 KiB', ['-s', '4096']],
  ['clusters of 64 KiB', ['-c', '65536']],
] as const) {
  describe.runIf(requireTools('mkntfs', 'ntfsfix'))(name, () => {
    fsDriverCompliance(
      { describe, it },
      {
        name: `ntfs, ${name}`,
        create: async () => ({
          driver: ntfsDriver,
          device: mkntfs(12 * MIB, options),
          type: 'ntfs',
          abilities: ['write', 'trim', 'label', 'xattr', 'sparse'],
          lacks: ['owners', 'modes'],
          check: ntfsfix,
        }),
      },
    );
  });
}

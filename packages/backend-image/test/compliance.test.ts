import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blockBackendCompliance, pattern, requireTools } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { imageBackend } from '../src/index.js';
import { context, tool } from './oracle.js';

const CONTENT = pattern(200 * 512, 3);

for (const [format, writable] of [
  ['raw', true],
  ['qcow2', true],
  ['vmdk', false],
  ['vhdx', false],
  ['vdi', false],
] as const) {
  describe.runIf(requireTools('qemu-img'))(format, () => {
    blockBackendCompliance(
      { describe, it },
      {
        name: format,
        create: async () => {
          const folder = mkdtempSync(join(tmpdir(), 'vmcraft-compliance-'));
          const path = join(folder, `disk.${format}`);
          const raw = join(folder, 'source.raw');
          writeFileSync(raw, CONTENT);
          await tool('qemu-img', 'convert', '-f', 'raw', '-O', format, raw, path);
          return {
            backend: imageBackend,
            context: context(),
            drive: { path, format, readonly: false },
            foreign: { uri: 'nbd://localhost/x', readonly: true },
            content: CONTENT,
            writable,
            fingerprint: async () => new Uint8Array(readFileSync(path)),
            dispose: async () => rmSync(folder, { recursive: true, force: true }),
          };
        },
      },
    );
  });
}

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeHostFiles } from '@vmcraft/core/runtime';
import { type BlockBackendFixture, pattern } from '@vmcraft/testkit';
import { NbdBackend } from '../src/backend.js';

/** Bytes of the sample disk: a multiple of the sector size, so that every format keeps its exact length. */
export const CONTENT = pattern(300 * 512, 7);

/** An image of `format` with {@link CONTENT} at its start, in a folder of its own. */
export function imageFixture(format: string, options: string[] = []): BlockBackendFixture & { readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
  const raw = join(folder, 'disk.raw');
  const path = join(folder, `disk.${format}`);
  writeFileSync(raw, CONTENT);
  if (format !== 'raw') execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', format, ...options, raw, path]);
  return {
    backend: new NbdBackend(),
    context: { files: new NodeHostFiles(), warn: () => undefined },
    drive: { path, format, readonly: true },
    foreign: { path: join(folder, 'none'), readonly: true },
    content: CONTENT,
    writable: true,
    path,
    fingerprint: async () => readFileSync(path),
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeHostFiles } from '@vmcraft/core/runtime';
import { type BlockBackendFixture, blockBackendCompliance, pattern } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { plugin, SplitBackend } from '../src/index.js';

const repository = join(import.meta.dirname, '../../..');
const SECTOR = 512;

function write(folder: string, content: Uint8Array, cut: number): string {
  for (let i = 0; i * cut < content.length; i++) {
    writeFileSync(join(folder, `disk.${String(i).padStart(3, '0')}`), content.subarray(i * cut, (i + 1) * cut));
  }
  return join(folder, 'disk.000');
}

async function fixture(): Promise<BlockBackendFixture> {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
  const content = pattern(201 * SECTOR, 3);
  const path = write(folder, content, 64 * SECTOR);
  return {
    backend: new SplitBackend(),
    context: { files: new NodeHostFiles(), warn: () => undefined },
    drive: { path, readonly: true },
    foreign: { path: join(folder, 'disk.raw'), readonly: true },
    content,
    writable: true,
    fingerprint: async () => Buffer.concat([0, 1, 2, 3].map((i) => readFileSync(join(folder, `disk.00${i}`)))),
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

blockBackendCompliance({ describe, it }, { name: 'the example of the guide', create: fixture });

describe('docs/guide/write-a-backend.md', () => {
  it('shows the example as it is', () => {
    const page = readFileSync(join(repository, 'docs/guide/write-a-backend.md'), 'utf8');
    const source = readFileSync(join(import.meta.dirname, '../src/index.ts'), 'utf8');
    expect(page).toContain(source.slice(source.indexOf('*/\n') + 3));
  });

  it('its backend is chosen, and takes part in the transaction', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
    copyFileSync(join(repository, 'examples/sample-guest/debian.qcow2'), join(folder, 'disk.qcow2'));
    const raw = join(folder, 'disk.raw');
    {
      await using g = await GuestFS.open(join(folder, 'disk.qcow2'), { readonly: true });
      await g.download('/dev/sda', raw);
    }
    const path = write(folder, readFileSync(raw), 5 << 20);
    const options = { plugins: [plugin] };
    const change = async (g: GuestFS): Promise<void> => {
      await g.mountRoot();
      await g.write('/etc/hostname', 'split\n');
      expect(g.getPerformanceMetrics().providers[0]).toMatchObject({ kind: 'backend', provider: 'split' });
    };
    await expect(
      GuestFS.with(
        path,
        async (g) => {
          await change(g);
          throw new Error('no');
        },
        options,
      ),
    ).rejects.toThrow('no');
    {
      await using g = await GuestFS.open(path, { ...options, readonly: true });
      await g.mountRoot();
      expect(await g.cat('/etc/hostname')).not.toBe('split\n');
    }
    await GuestFS.with(path, change, options);
    await using g = await GuestFS.open(path, { ...options, readonly: true });
    await g.mountRoot();
    expect(await g.cat('/etc/hostname')).toBe('split\n');
    rmSync(folder, { recursive: true, force: true });
  });
});

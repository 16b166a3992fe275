import type { BlockDevice } from '@vmcraft/core/contracts';
import { TruncatedImageError } from '@vmcraft/core/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkExt } from '../src/check.js';
import { extDriver } from '../src/driver.js';
import { formatExt } from '../src/format.js';

const KIB = 1024;

function memory(data: Uint8Array): BlockDevice {
  return {
    size: data.length,
    sectorSize: 512,
    writable: true,
    async read(offset, length) {
      if (offset < 0 || offset + length > data.length) {
        throw new TruncatedImageError({ structure: 'memory', offset, needed: length, available: data.length - offset });
      }
      return data.slice(offset, offset + length);
    },
    async write(offset, bytes) {
      data.set(bytes, offset);
    },
    async flush() {},
    async close() {},
  };
}

async function sample(features: readonly string[] = []): Promise<Uint8Array> {
  const data = new Uint8Array(1024 * KIB);
  await formatExt(memory(data), 'ext4', { features, extra: { numberofinodes: 64 } });
  const fs = await extDriver().open(memory(data), { readonly: false });
  const write = fs as unknown as {
    create(dir: unknown, name: string, what: { mode: number; target?: string }): Promise<{ ino: number }>;
    write(node: unknown, offset: number, bytes: Uint8Array): Promise<void>;
  };
  const dir = await write.create(fs.root, 'folder', { mode: 0o040755 });
  const file = await write.create(dir, 'file', { mode: 0o100644 });
  await write.write(file, 3000, new Uint8Array(20_000).fill(7));
  await write.create(dir, 'link', { mode: 0o120777, target: 'file' });
  await fs.close();
  return data;
}

describe('check', () => {
  it('has nothing against what format and the engine wrote', async () => {
    for (const features of [
      [],
      ['^metadata_csum'],
      ['^extent'],
      ['inline_data'],
      ['quota', 'project', 'orphan_file', 'mmp'],
    ]) {
      const report = await checkExt(memory(await sample(features)));
      expect([features, report]).toEqual([features, { clean: true, findings: [] }]);
    }
  });

  it('names a wrong checksum', async () => {
    const data = await sample();
    data[1024 + 0x78] = 0x41;
    const report = await checkExt(memory(data));
    expect(report.clean).toBe(false);
    expect(report.findings[0]).toMatchObject({ severity: 'error', message: expect.stringContaining('checksum') });
  });

  it('gives a report for any damage, with and without checksums', async () => {
    for (const features of [[], ['^metadata_csum', '^64bit']]) {
      const data = await sample(features);
      let unclean = 0;
      for (const [at, value] of fc.sample(fc.tuple(fc.nat(60 * KIB), fc.nat(255)), { seed: 11, numRuns: 400 })) {
        const broken = data.slice();
        broken[1024 + at] = value;
        const report = await checkExt(memory(broken));
        if (!report.clean) unclean += 1;
        expect(report.clean).toBe(report.findings.every((f) => f.severity !== 'error'));
      }
      expect(unclean).toBeGreaterThan(20);
    }
  });

  it('gives a report for a truncated image and for noise', async () => {
    const data = await sample();
    for (const size of [0, 1023, 1500, 2048, 10_000, 500_000]) {
      expect((await checkExt(memory(data.slice(0, size)))).clean).toBe(false);
    }
    const noise = data.map((byte, i) => (i > 2048 ? (i * 197) & 0xff : byte));
    expect((await checkExt(memory(noise))).clean).toBe(false);
  });
});

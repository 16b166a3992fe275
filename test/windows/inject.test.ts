import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { checkWithHivex, expectedDriver } from './hivex-check.js';
import { LOOK_ALIKE_NEEDS, lookAlike } from './look-alike/build.js';
import { systemRoot } from './look-alike/file-list.js';
import { atLeast, RELEASES } from './look-alike/releases.js';
import { writeVirtioTree } from './virtio-tree.js';

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS, 'mke2fs'))('drivers into every look-alike', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-inject-'));
    writeVirtioTree(join(folder, 'virtio'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(RELEASES)('$id', { timeout: 120_000 }, async (r) => {
    const built = await lookAlike(r.id);
    const image = join(folder, `${r.id}.img`);
    execFileSync('truncate', ['-s', '300M', image]);
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', built.tree, image]);
    await using g = await GuestFS.open(image, { format: 'raw' });
    await g.mount('/dev/sda', '/');
    const before = JSON.parse((await g.call('verify_drivers')) as string);
    const result = JSON.parse((await g.call('inject_virtio', join(folder, 'virtio'))) as string);
    const again = JSON.parse((await g.call('inject_virtio', join(folder, 'virtio'))) as string);
    expect(again).toMatchObject({ registry: [], files: [] });
    const after = JSON.parse((await g.call('verify_drivers')) as string);
    const bootable = (report: { buses: { bus: string; bootable: boolean }[] }) =>
      report.buses.filter((b) => b.bootable).map((b) => b.bus);
    const nvme = atLeast(r, 6, 3) ? ['nvme'] : [];
    if (bootable(before).length !== 2 + nvme.length) console.log(JSON.stringify(before, null, 1));
    expect(bootable(before)).toEqual(['ide', 'sata', ...nvme]);
    expect(bootable(after)).toEqual(['ide', 'sata', 'virtio-blk', 'virtio-scsi', ...nvme]);
    const config = `/${systemRoot(r)}/System32/config`;
    for (const hive of ['SYSTEM', 'SOFTWARE']) writeFileSync(join(folder, hive), await g.readFile(`${config}/${hive}`));
    checkWithHivex(
      r,
      join(folder, 'SYSTEM'),
      join(folder, 'SOFTWARE'),
      result.packages.map((p: { inf: string; publishedInf: string; storeName: string }) =>
        expectedDriver(p.inf.replace('.inf', ''), p.publishedInf, p.storeName),
      ),
    );
    expect(existsSync(image)).toBe(true);
    await g.rollback();
    rmSync(image);
  });
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { diskCopy, withWindowsVolume } from './guest-disk.js';
import { checkWithHivex, expectedDriver } from './hivex-check.js';
import { LOOK_ALIKE_NEEDS } from './look-alike/build.js';
import { systemRoot } from './look-alike/file-list.js';
import { atLeast, RELEASES, type Release } from './look-alike/releases.js';
import { writeVirtioTree } from './virtio-tree.js';

/** Folder of virtio-win that each look-alike gets its drivers from. */
const FOLDERS: Readonly<Record<string, string>> = {
  'win7-x86': 'w7/x86',
  'win7-x64': 'w7/amd64',
  'win8.1-x86': 'w8.1/x86',
  'win8.1-x64': 'w8.1/amd64',
  'win10-x86': 'w10/x86',
  'win10-x64': 'w10/amd64',
  'win11-x64': 'w11/amd64',
  'win11-arm64': 'w11/ARM64',
  win2k8r2: '2k8R2/amd64',
  win2k12: '2k12/amd64',
  win2k12r2: '2k12R2/amd64',
  win2k16: '2k16/amd64',
  win2k19: '2k19/amd64',
  win2k22: '2k22/amd64',
  win2k25: '2k25/amd64',
};

const bootable = (report: Awaited<ReturnType<GuestFS['verifyDrivers']>>): readonly string[] =>
  report.buses.filter((b) => b.bootable).map((b) => b.bus);

/** The files of one package, by path on the Windows volume, and where the host has them. */
function expectedFiles(
  r: Release,
  name: string,
  store: string,
  published: string,
): readonly (readonly [string, string])[] {
  const root = systemRoot(r);
  const source = `${{ viostor: 'viostor', vioscsi: 'vioscsi', netkvm: 'NetKVM' }[name]}/${FOLDERS[r.id]}/${name}`;
  const folders = [`${root}/System32/DriverStore/FileRepository/${store}`, `${root}/Drivers/VMCraft/${name}`];
  return [
    ...folders.flatMap((folder) =>
      ['inf', 'sys', 'cat'].map((e) => [`${folder}/${name}.${e}`, `${source}.${e}`] as const),
    ),
    [`${root}/System32/drivers/${name}.sys`, `${source}.sys`],
    [`${root}/INF/${published}`, `${source}.inf`],
    [
      `${root}/System32/CatRoot/{F750E6C3-38EE-11D1-85E5-00C04FC295EE}/${published.replace('.inf', '.cat')}`,
      `${source}.cat`,
    ],
  ];
}

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS, 'ntfsfix'))('drivers into every look-alike', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-inject-'));
    writeVirtioTree(join(folder, 'virtio'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(RELEASES)('$id boots from virtio, and hivex finds every key', { timeout: 180_000 }, async (r) => {
    const disk = await diskCopy(r.id, folder);
    const nvme = atLeast(r, 6, 3) ? ['nvme'] : [];
    const virtio = join(folder, 'virtio');
    const result = await GuestFS.with(
      disk.image,
      async (g) => {
        await g.mountRoot();
        expect(bootable(await g.verifyDrivers())).toEqual(['ide', 'sata', ...nvme]);
        const injected = await g.injectVirtio(virtio);
        expect(await g.injectVirtio(virtio), 'a second time').toMatchObject({ registry: [], files: [] });
        expect(bootable(await g.verifyDrivers())).toEqual(['ide', 'sata', 'virtio-blk', 'virtio-scsi', ...nvme]);
        return injected;
      },
      { format: 'raw' },
    );
    expect(result.packages.map(({ inf }) => inf)).toEqual(['netkvm.inf', 'vioscsi.inf', 'viostor.inf']);
    expect(result.warnings.some((w) => w.includes('wait for a restart'))).toBe(r.pendingReboot === true);
    await withWindowsVolume(disk, folder, (mounted, hives) => {
      const drivers = result.packages.map((p) =>
        expectedDriver(p.inf.replace('.inf', ''), p.publishedInf, p.storeName),
      );
      checkWithHivex(r, join(hives, 'SYSTEM'), join(hives, 'SOFTWARE'), drivers);
      for (const d of drivers) {
        for (const [path, source] of expectedFiles(r, d.name, d.storeName, d.published)) {
          expect(readFileSync(join(mounted, path)).equals(readFileSync(join(virtio, source))), path).toBe(true);
        }
      }
    });
    rmSync(disk.image);
  });
});

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { LOOK_ALIKE_NEEDS, lookAlike } from './look-alike/build.js';
import { portableExecutable } from './look-alike/machine-code.js';
import { writeVirtioTree } from './virtio-tree.js';

const REAL = fileURLToPath(new URL('../../../shared/data/hive/dissect-SYSTEM.gz', import.meta.url));

/** A hive as sections of hivexregedit's export: lines by key. */
function exported(hive: string): ReadonlyMap<string, string> {
  const text = execFileSync('hivexregedit', ['--export', hive, '\\'], { maxBuffer: 1 << 28 }).toString('latin1');
  return new Map(text.split(/\r?\n\r?\n/).map((section) => [section.split(/\r?\n/, 1)[0]!, section]));
}

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS, 'mke2fs', `data:${REAL}`))(
  'a SYSTEM hive that Windows 10 wrote',
  () => {
    it('gets drivers beside its own, and nothing else changes', { timeout: 180_000 }, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'vmcraft-real-'));
      try {
        writeVirtioTree(join(folder, 'virtio'));
        const built = await lookAlike('win10-x64');
        const tree = join(folder, 'tree');
        execFileSync('cp', ['-r', built.tree, tree]);
        const hive = join(tree, 'Windows/System32/config/SYSTEM');
        writeFileSync(hive, gunzipSync(readFileSync(REAL)));
        copyFileSync(hive, join(folder, 'before'));
        for (const name of ['partmgr.sys', 'mountmgr.sys']) {
          writeFileSync(join(tree, 'Windows/System32/drivers', name), portableExecutable('amd64', 'native', name));
        }
        const image = join(folder, 'disk.img');
        execFileSync('truncate', ['-s', '300M', image]);
        execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', tree, image]);
        await using g = await GuestFS.open(image, { format: 'raw' });
        await g.mount('/dev/sda', '/');
        const verified = async () => (await g.verifyDrivers()).buses.filter((b) => b.bootable).map((b) => b.bus);
        expect(await verified()).toEqual(['ide', 'sata', 'nvme']);
        const { packages, registry } = await g.injectVirtio(join(folder, 'virtio'));
        // oem0 to oem8 are taken: OemInfMap of this machine says so.
        expect(packages.map((p) => p.publishedInf)).toEqual(['oem9.inf', 'oem10.inf', 'oem11.inf']);
        expect(await verified()).toEqual(['ide', 'sata', 'virtio-blk', 'virtio-scsi', 'nvme']);
        writeFileSync(join(folder, 'after'), await g.readFile('/Windows/System32/config/SYSTEM'));
        await g.rollback();

        const before = exported(join(folder, 'before'));
        const after = exported(join(folder, 'after'));
        const written = new Set(registry.filter((c) => c.hive === 'SYSTEM').map((c) => `[\\${c.key}]`.toLowerCase()));
        for (const [key, section] of before) {
          if (!written.has(key.toLowerCase())) expect(after.get(key), key).toBe(section);
        }
        const added = [...after.keys()].filter((key) => !before.has(key));
        const ours = /viostor|vioscsi|netkvm|VEN_1AF4/i;
        expect(
          added.filter(
            (key) => !ours.test(key) && !/DriverInfFiles\\oem(9|1[01])\.inf|DeviceIds\\\{4d36e972/.test(key),
          ),
        ).toEqual([]);
        expect(added.length).toBeGreaterThan(60);
        expect(after.get('[\\DriverDatabase]')).toContain('"OemInfMap"=hex(3):ff,f0');
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  },
);

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import type { GuestFS } from 'vmcraft';
import { tool, Workspace } from './workspace.js';

const space = new Workspace();
afterAll(() => space[Symbol.dispose]());

const FSTAB = `/dev/mapper/sys--vg-root / ext4 defaults 0 1
/dev/sys-vg/home /home ext4 defaults 0 2
LABEL=boot /boot ext2 defaults 0 2
`;

/** A guest whose root and home lie on a group over partitions of two disks. */
async function makeGuest(g: GuestFS): Promise<void> {
  for (const disk of ['/dev/sda', '/dev/sdb']) await g.partInit(disk, 'gpt');
  await g.partAdd('/dev/sda', 'primary', 2048, 20479);
  await g.partAdd('/dev/sda', 'primary', 20480, -2048);
  await g.partAdd('/dev/sdb', 'primary', 2048, -2048);
  for (const device of ['/dev/sda2', '/dev/sdb1']) await g.pvcreate(device);
  await g.vgcreate('sys-vg', ['/dev/sda2', '/dev/sdb1']);
  await g.lvcreate('root', 'sys-vg', 60);
  await g.lvcreate('home', 'sys-vg', 20);
  await g.mkfs('ext2', '/dev/sda1', { label: 'boot' });
  for (const lv of ['root', 'home']) await g.mkfs('ext4', `/dev/sys-vg/${lv}`);
  await g.mount('/dev/sys-vg/root', '/');
  for (const dir of ['/etc', '/bin', '/home', '/boot', '/usr', '/var']) await g.mkdir(dir);
  await g.write('/etc/fstab', FSTAB);
  await g.write('/etc/os-release', 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n');
  await g.write('/etc/debian_version', '12.5\n');
  await g.write('/etc/hostname', 'on-lvm\n');
  await g.mount('/dev/sys-vg/home', '/home');
  await g.write('/home/me', 'at home');
}

describe('a guest on LVM', () => {
  it.runIf(requireTools('qemu-img'))('over two qcow2 disks is inspected, mounted and edited', async () => {
    const disks = ['a.qcow2', 'b.qcow2'].map((name) => join(space.folder, name));
    for (const disk of disks) tool('qemu-img', 'create', '-q', '-f', 'qcow2', disk, '64M');
    await space.with(disks, makeGuest);
    await space.with(disks, async (g) => {
      expect(await g.inspectOs()).toEqual(['/dev/sys-vg/root']);
      expect(await g.inspectGetDistro('/dev/sys-vg/root')).toBe('debian');
      expect(await g.inspectGetMountpoints('/dev/sys-vg/root')).toEqual({
        '/': '/dev/sys-vg/root',
        '/home': '/dev/sys-vg/home',
        '/boot': '/dev/sda1',
      });
      await g.mountRoot();
      expect(await g.cat('/home/me')).toBe('at home');
      await g.write('/home/me', 'changed');
    });
    await space.with([...disks].reverse(), async (g) => {
      await g.mountRoot();
      expect(await g.cat('/home/me')).toBe('changed');
    });
    for (const disk of disks) tool('qemu-img', 'check', '-q', disk);
  });

  it.runIf(requireTools('qemu-img'))('with one disk left out says which physical volume is missing', async () => {
    const disk = join(space.folder, 'a.qcow2');
    await space.with([disk], async (g) => {
      await expect(g.mountRo('/dev/sys-vg/root', '/')).rejects.toThrow(
        /physical volume \S+, last seen as \/dev\/sdb1, is missing; add the disk it is on/,
      );
      await expect(g.lvcreate('more', 'sys-vg', 4)).rejects.toThrow('is missing');
    });
  });
});

interface LvmEntry {
  readonly name: string;
  readonly file: string;
  readonly oracle: {
    readonly lvm?: {
      readonly lvs: readonly { lv: string; sha256: string; size: number; uuid: string; vfs_type: string }[];
      readonly pvs: readonly { pv_uuid: string; pe_start: string; pv_size: string; pv_pe_count: string }[];
      readonly vgs: readonly { vg_name: string; vg_uuid: string; vg_seqno: string; vg_size: string }[];
    };
  };
}

const DATA = resolve(import.meta.dirname, '../../../shared/data');
const MANIFEST = join(DATA, 'manifest.json');
const entries: LvmEntry[] = existsSync(MANIFEST)
  ? (JSON.parse(readFileSync(MANIFEST, 'utf8')) as LvmEntry[]).filter((e) => e.oracle?.lvm !== undefined)
  : [];

describe.runIf(requireTools(`data:${MANIFEST}`))('real groups', () => {
  it.each(entries)('$name has the facts of lvm2', async ({ name, file, oracle }) => {
    const path = join(space.folder, name.replaceAll('/', '_'));
    writeFileSync(path, gunzipSync(readFileSync(join(DATA, file))));
    const { lvs, pvs, vgs } = oracle.lvm!;
    await space.with(
      [path],
      async (g) => {
        expect(await g.lvs()).toEqual(lvs.map((lv) => lv.lv));
        for (const lv of lvs) {
          const size = await g.blockdevGetsize64(lv.lv);
          const hash = createHash('sha256').update(await g.preadDevice(lv.lv, size, 0));
          expect([await g.lvuuid(lv.lv), size, hash.digest('hex')]).toEqual([lv.uuid, lv.size, lv.sha256]);
          expect(await g.vfsType(lv.lv)).toBe(lv.vfs_type);
        }
        const text = (row: object): Record<string, string> =>
          Object.fromEntries(Object.entries(row).map(([key, value]) => [key, String(value)]));
        expect((await g.pvsFull()).map(text)).toMatchObject(pvs);
        expect((await g.vgsFull()).map(text)).toMatchObject(vgs);
      },
      { readonly: true },
    );
  });
});

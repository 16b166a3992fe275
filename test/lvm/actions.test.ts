import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { MIB, tool, Workspace, withLvm } from './workspace.js';

const space = new Workspace();
afterAll(() => space[Symbol.dispose]());

/** What the reports of lvm2 say, one object a row. */
function report(lvm: (...args: string[]) => string, command: string, fields: string): Record<string, string>[] {
  const json = JSON.parse(lvm(command, '--reportformat', 'json', '--units', 'b', '--nosuffix', '-o', fields));
  return Object.values(json.report[0])[0] as Record<string, string>[];
}

const oracle = requireTools('lvm', 'losetup', 'root');

describe('the lvm functions', () => {
  it.runIf(oracle)('make what lvm2 reads as it is meant', async () => {
    const disks = [space.disk('a.img', 64 * MIB), space.disk('b.img', 40 * MIB), space.disk('c.img', 33 * MIB)];
    const ours = await space.with(disks, async (g) => {
      await g.partInit('/dev/sdb', 'gpt');
      await g.partAdd('/dev/sdb', 'primary', 2048, -2048);
      for (const device of ['/dev/sda', '/dev/sdb1', '/dev/sdc']) await g.pvcreate(device);
      expect(await g.pvs()).toEqual(['/dev/sda', '/dev/sdb1', '/dev/sdc']);
      await g.vgcreate('VG', ['/dev/sda', '/dev/sdc']);
      await g.lvcreate('one', 'VG', 20);
      await g.lvcreate('two', 'VG', 50);
      await g.lvcreateFree('three', 'VG', 50);
      await g.mkfs('ext4', '/dev/VG/two');
      await g.mount('/dev/mapper/VG-two', '/');
      await g.write('/hello', 'from the second volume');
      await g.umountAll();
      await g.lvremove('/dev/VG/one');
      await g.lvresize('/dev/VG/three', 30);
      await g.lvrename('/dev/VG/three', '/dev/VG/with-dash');
      await g.vgrename('VG', 'V-G');
      expect(await g.lvs()).toEqual(['/dev/V-G/two', '/dev/V-G/with-dash']);
      expect(await g.lvmCanonicalLvName('/dev/mapper/V--G-with--dash')).toBe('/dev/V-G/with-dash');
      await g.mount('/dev/V-G/two', '/');
      expect(await g.cat('/hello')).toBe('from the second volume');
      await g.umountAll();
      return { pvs: await g.pvsFull(), vgs: await g.vgsFull(), lvs: await g.lvsFull() };
    });
    withLvm([disks[0]!, disks[2]!], (lvm) => {
      lvm('vgck', 'V-G');
      lvm('pvck', '--dump', 'headers', disks[0]!);
      const pvs = report(
        lvm,
        'pvs',
        'pv_uuid,pv_fmt,pv_size,dev_size,pv_free,pv_used,pv_attr,pv_pe_count,pv_pe_alloc_count,pe_start,pv_mda_count,pv_mda_free',
      );
      const plain = (row: Record<string, string>) =>
        Object.fromEntries(Object.entries(row).map(([k, v]) => [k, k.endsWith('uuid') ? v.replaceAll('-', '') : v]));
      const shown = (row: object, like: Record<string, string>) =>
        Object.fromEntries(Object.keys(like).map((key) => [key, String((row as Record<string, unknown>)[key])]));
      for (const row of pvs.map(plain)) {
        const own = ours.pvs.find((pv) => pv.pv_uuid === row.pv_uuid)!;
        expect(shown(own, row)).toEqual(row);
      }
      const vgFields =
        'vg_name,vg_uuid,vg_fmt,vg_attr,vg_size,vg_free,vg_sysid,vg_extent_size,vg_extent_count,vg_free_count,max_lv,max_pv,pv_count,lv_count,snap_count,vg_seqno,vg_tags,vg_mda_count,vg_mda_free';
      const [vg] = report(lvm, 'vgs', vgFields).map(plain);
      expect(shown(ours.vgs[0]!, vg!)).toEqual(vg);
      const lvFields =
        'lv_name,lv_uuid,lv_major,lv_minor,lv_kernel_major,lv_kernel_minor,lv_size,seg_count,origin,move_pv,lv_tags,mirror_log';
      for (const row of report(lvm, 'lvs', lvFields).map(plain)) {
        const own = ours.lvs.find((lv) => lv.lv_uuid === row.lv_uuid)!;
        expect(shown(own, row)).toEqual(row);
      }
    });
  });

  it.runIf(oracle)('go on where lvm2 left off, and it goes on where we did', async () => {
    const disks = [space.disk('d.img', 50 * MIB), space.disk('e.img', 50 * MIB)];
    withLvm(disks, (lvm, loops) => {
      for (const loop of loops) lvm('pvcreate', '-q', loop);
      lvm('vgcreate', '-q', '-s', '1m', 'made', ...loops);
      lvm('lvcreate', '-q', '-an', '-Zn', '-Wn', '-n', 'lin', '-L', '10m', 'made');
      lvm('lvcreate', '-q', '-an', '-Zn', '-Wn', '-n', 'str', '-i', '2', '-I', '8k', '-L', '20m', 'made');
    });
    await space.with(disks, async (g) => {
      expect(await g.vgs()).toEqual(['made']);
      await g.lvresize('/dev/made/str', 31);
      await g.lvresizeFree('/dev/made/lin', 100);
      await g.lvcreate('not', 'made', 1).then(
        () => expect.unreachable(),
        (error) => expect(error.code).toBe('ENOSPC'),
      );
      await g.lvresize('/dev/made/lin', 5);
      await g.vgchangeUuid('made');
      await g.pvchangeUuid('/dev/sdb');
    });
    withLvm(disks, (lvm) => {
      lvm('vgck', 'made');
      expect(report(lvm, 'lvs', 'lv_name,lv_size')).toEqual([
        { lv_name: 'lin', lv_size: String(5 * MIB) },
        { lv_name: 'str', lv_size: String(32 * MIB) },
      ]);
      lvm('lvcreate', '-q', '-an', '-Zn', '-Wn', '-n', 'more', '-l', '100%FREE', 'made');
      lvm('lvremove', '-q', '-y', 'made/lin');
    });
    await space.with(disks, async (g) => {
      expect(await g.lvs()).toEqual(['/dev/made/more', '/dev/made/str']);
      await g.vgremove('made');
      expect([await g.lvs(), await g.vgs(), await g.pvs()]).toEqual([[], [], ['/dev/sda', '/dev/sdb']]);
      await g.pvremove('/dev/sda');
    });
    withLvm(disks, (lvm, loops) => {
      expect(report(lvm, 'pvs', 'pv_name,vg_name')).toEqual([{ pv_name: loops[1], vg_name: '' }]);
    });
    expect(tool('blkid', '-p', '-o', 'value', '-s', 'TYPE', disks[1]!).trim()).toBe('LVM2_member');
  });

  it('answer questions about names, and keep what is in use', async () => {
    const disks = [space.disk('f.img', 40 * MIB)];
    await space.with(disks, async (g) => {
      await g.partInit('/dev/sda', 'mbr');
      await g.partAdd('/dev/sda', 'primary', 2048, -1);
      await g.pvcreate('/dev/sda1');
      await g.vgcreate('vg', ['/dev/sda1']);
      await g.lvcreate('lv', 'vg', 8);
      await g.mkfs('ext2', '/dev/vg/lv');
      expect([await g.isLv('/dev/vg/lv'), await g.isLv('/dev/sda1')]).toEqual([true, false]);
      expect(await g.isWholeDevice('/dev/vg/lv')).toBe(false);
      expect(await g.lvuuid('/dev/mapper/vg-lv')).toMatch(/^\w{6}(-\w{4}){5}-\w{6}$/);
      expect(await g.vglvuuids('vg')).toEqual([await g.lvuuid('/dev/vg/lv')]);
      expect(await g.vgpvuuids('vg')).toEqual([await g.pvuuid('/dev/sda1')]);
      const text = new TextDecoder().decode(await g.vgmeta('vg'));
      expect(text).toContain(`id = "${await g.vguuid('vg')}"`);
      expect(await g.listFilesystems()).toEqual({ '/dev/vg/lv': 'ext2' });
      expect(await g.featureAvailable(['lvm2'])).toBe(true);
      await g.mount('/dev/vg/lv', '/');
      const busy = [
        () => g.lvremove('/dev/vg/lv'),
        () => g.vgremove('vg'),
        () => g.vgActivateAll(false),
        () => g.lvresize('/dev/vg/lv', 4),
        () => g.lvmSetFilter(['/dev/sda']),
        () => g.pvcreate('/dev/sda1'),
      ];
      for (const call of busy) await expect(call()).rejects.toMatchObject({ code: 'EBUSY' });
      await g.umountAll();
      await g.vgActivate(false, ['vg']);
      expect(await g.lvs()).toEqual(['/dev/vg/lv']);
      expect(await g.listFilesystems()).toEqual({});
      await g.lvmScan(true);
      expect(await g.listFilesystems()).toEqual({ '/dev/vg/lv': 'ext2' });
      await g.pvresizeSize('/dev/sda1', 20 * MIB);
      expect((await g.vgsFull())[0]).toMatchObject({ vg_extent_count: 4, vg_free_count: 2 });
      await g.pvresize('/dev/sda1');
      expect((await g.vgsFull())[0]).toMatchObject({ vg_extent_count: 9, vg_free_count: 7 });
      await expect(g.pvresizeSize('/dev/sda1', 4 * MIB)).rejects.toMatchObject({ code: 'EBUSY' });
      await g.lvmRemoveAll();
      expect([await g.lvs(), await g.vgs(), await g.pvs()]).toEqual([[], [], []]);
    });
  });

  it('look only where they are told to', async () => {
    const disks = [space.disk('g.img', 20 * MIB), space.disk('h.img', 20 * MIB)];
    await space.with(disks, async (g) => {
      for (const [device, name] of [
        ['/dev/sda', 'left'],
        ['/dev/sdb', 'right'],
      ] as const) {
        await g.pvcreate(device);
        await g.vgcreate(name, [device]);
        await g.lvcreate('lv', name, 4);
      }
      await g.lvmSetFilter(['/dev/sdb']);
      expect([await g.vgs(), await g.pvs(), await g.lvs()]).toEqual([['right'], ['/dev/sdb'], ['/dev/right/lv']]);
      expect(Object.keys(await g.listFilesystems())).toEqual(['/dev/right/lv']);
      await g.lvmClearFilter();
      expect(await g.vgs()).toEqual(['left', 'right']);
      expect(Object.keys(await g.listFilesystems())).toEqual(['/dev/left/lv', '/dev/right/lv']);
    });
  });
});

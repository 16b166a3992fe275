import { MemoryDevice } from '@vmcraft/core/block';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { describe, expect, it } from 'vitest';
import type { ConfigSection } from '../src/config-text.js';
import { createPhysicalVolume } from '../src/edit/physical-volume.js';
import { scanGroups } from '../src/group-scan.js';
import { ThinSuperblock } from '../src/layout-thin.js';
import { edit, loseOrigin, segmentOf } from './edit-metadata.js';
import { discover, expectedVolumes, fixtureDisks, sha256 } from './support.js';

async function readingOf(disks: readonly BlockDevice[], name: string): Promise<string> {
  const { tree } = await discover(disks);
  const found = tree.find(name);
  if (found === undefined) return 'no such volume';
  return sha256(found.device).catch((error: Error) => error.message);
}

const expected = (group: string, name: string): string | undefined =>
  expectedVolumes(group).find((v) => v.name === name)?.sha256;

describe('a disk that is missing', () => {
  it('is named, and takes only the volumes with it that need it', async () => {
    const disks = fixtureDisks('linear');
    const { tree, text } = await discover([disks[0]!, disks[1]!]);
    expect(text()).toMatch(/vg-lin: physical volume \S+, last seen as \/dev\/vdc, is missing; add the disk it is on/);
    const whole = ['span', 'with-dash', 'mirrorcore'];
    for (const lv of whole) {
      expect(await sha256(tree.find(`/dev/vg-lin/${lv}`)!.device)).toBe(expected('linear', `/dev/vg-lin/${lv}`));
    }
    for (const lv of ['plain', 'striped2', 'striped3']) {
      await expect(tree.find(`/dev/vg-lin/${lv}`)!.device.read(0, 512)).rejects.toThrow(
        /logical volume vg-lin\/\S+: physical volume \S+, last seen as \/dev\/vdc, is missing/,
      );
    }
    const mirror = tree.find('/dev/vg-lin/mirrorcore')!.device;
    await expect(mirror.write(0, new Uint8Array(512))).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
  });

  it('gives way to the other leg of a mirror whose log says that all is in sync', async () => {
    const disks = fixtureDisks('linear');
    expect(await readingOf(disks.slice(1), '/dev/vg-lin/mirrorcore')).toContain('is missing');
    expect(await readingOf(disks.slice(1), '/dev/vg-lin/mirrordisk')).toBe(
      expected('linear', '/dev/vg-lin/mirrordisk'),
    );
  });

  it.each([0, 1, 2, 3, 4, 5])('leaves RAID volumes readable without disk %i', async (gone) => {
    const disks = fixtureDisks('raid').filter((_, i) => i !== gone);
    const { tree } = await discover(disks);
    for (const { name, sha256: hash } of expectedVolumes('raid')) {
      const { device } = tree.find(name)!;
      if (/r0m?$/.test(name)) continue;
      expect(await sha256(device), name).toBe(hash);
    }
  });

  it('leaves RAID 6 readable without two, and says why RAID 5 is not', async () => {
    const disks = fixtureDisks('raid').slice(2);
    const { tree } = await discover(disks);
    for (const { name, sha256: hash } of expectedVolumes('raid').filter((v) => v.name.includes('/r6'))) {
      expect(await sha256(tree.find(name)!.device), name).toBe(hash);
    }
    const raid5 = tree.find('/dev/vgraid/r5ls')!.device;
    await expect(raid5.read(0, 1)).rejects.toThrow(/2 of 4 members are missing.*physical volume \S+, last seen as/);
  });

  it('that comes back after a change is not believed', async () => {
    const disks = fixtureDisks('linear');
    await edit(disks, (section) => {
      const pv = (section.get('physical_volumes') as ConfigSection).get('pv2') as ConfigSection;
      pv.set('flags', ['MISSING']);
    });
    expect(await readingOf(disks, '/dev/vg-lin/plain')).toMatch(/was missing when the group was changed/);
  });
});

describe('what is there twice', () => {
  it('physical volumes: both devices are named', async () => {
    const [disk] = fixtureDisks('ring');
    const all = fixtureDisks('ring');
    const { text, tree } = await discover([disk!, ...all]);
    expect(text()).toMatch(/physical volume \S+ is there 2 times, on \/dev\/sda and \/dev\/sdb; give only one/);
    await expect(tree.find('/dev/vgring/one')!.device.read(0, 1)).rejects.toThrow('is there 2 times');
  });

  it('names of groups: none comes up, and both UUIDs are named', async () => {
    const other = fixtureDisks('ring');
    await edit(other, () => undefined, 'vgsnap');
    const { tree, text } = await discover([...fixtureDisks('snapshot'), ...other]);
    expect(tree.devices.filter((d) => d.kind === 'volume')).toEqual([]);
    expect(text()).toMatch(/there are 2 volume groups of this name, \S+ and \S+: none is brought up/);
  });

  it('metadata: the newest is in force, the other is told', async () => {
    const disks = fixtureDisks('ring');
    const old = fixtureDisks('ring');
    await edit(disks, (section) => {
      (section.get('logical_volumes') as ConfigSection).delete('two');
    });
    const { tree, text } = await discover([disks[0]!, old[1]!]);
    expect(tree.devices.filter((d) => d.kind === 'volume').map((d) => d.name)).toEqual(['/dev/vgring/one']);
    expect(text()).toMatch(/\/dev\/sdb has old metadata of vgring: sequence number \d+, not \d+/);
  });
});

describe('metadata areas', () => {
  it('are written and read past the end of the ring, and one that is damaged gives way to the other', async () => {
    const disks = fixtureDisks('ring');
    const isWrapped = async (): Promise<boolean> => {
      const { groups } = await scanGroups(
        disks.map((device) => ({ device })),
        () => undefined,
      );
      const { size, committed } = groups[0]!.devices.get('pv0')!.areas[0]!;
      return committed!.offset + committed!.size > size;
    };
    let edits = 0;
    while (!(await isWrapped()) && edits < 60) {
      await edit(disks, () => undefined);
      edits++;
    }
    expect(edits).toBeLessThan(60);
    expect(await readingOf(disks, '/dev/vgring/one')).toBe(expected('ring', '/dev/vgring/one'));
    for (let n = 0; n < 30; n++) await edit(disks, () => undefined);
    expect(await readingOf(disks, '/dev/vgring/one')).toBe(expected('ring', '/dev/vgring/one'));
    await disks[0]!.write(4096 + 100, Uint8Array.of(1));
    const { tree, text } = await discover(disks);
    expect(text()).toContain('corrupt mda_header.checksum');
    expect(await sha256(tree.find('/dev/vgring/one')!.device)).toBe(expected('ring', '/dev/vgring/one'));
  });

  it('of which none is whole leave a group unknown', async () => {
    const disks = fixtureDisks('ring');
    for (const disk of disks) await disk.write(4096 + 100, Uint8Array.of(1));
    const { tree, text } = await discover(disks);
    expect(tree.devices.filter((d) => d.kind === 'volume')).toEqual([]);
    expect(text().match(/corrupt mda_header.checksum/g)).toHaveLength(2);
  });

  it('notice a changed letter of the text', async () => {
    const disks = fixtureDisks('ring');
    const { groups } = await scanGroups([{ device: disks[0]! }], () => undefined);
    const { offset } = [...groups[0]!.devices.values()][0]!.areas[0]!.committed!;
    await disks[0]!.write(4096 + offset + 40, Uint8Array.of(88));
    const { text } = await discover([disks[0]!]);
    expect(text()).toContain('corrupt metadata text.crc');
  });
});

describe('what is refused', () => {
  const refusals: readonly (readonly [
    group: string,
    volume: string,
    change: (s: ConfigSection) => void,
    reason: string,
  ])[] = [
    ['ring', 'one', (s) => s.set('type', 'vdo'), "segment type 'vdo'"],
    ['ring', 'one', (s) => s.set('type', 'striped+NEW_THING'), "segment type 'striped+NEW_THING'"],
    ['ring', 'one', (s) => s.set('type', 'thin-pool').set('x', 1), 'no such volume'],
    ['raid', 'r5ls', (s) => s.set('type', 'raid7'), "segment type 'raid7'"],
    ['raid', 'r5ls', (s) => s.set('reshape_count', 2), 'a reshape in progress'],
    ['raid', 'r1', (s) => s.set('device_count', 3), 'device_count'],
    ['linear', 'striped2', (s) => s.set('stripe_size', 7), 'stripe_size'],
    ['linear', 'striped2', (s) => s.set('stripe_count', 3), 'stripes'],
    ['linear', 'plain', (s) => s.set('stripes', ['pv0', 5000]), 'needs extent 5000'],
    ['linear', 'plain', (s) => s.set('stripes', ['plain', 0]), 'it is made from itself'],
    ['linear', 'plain', (s) => s.set('stripes', ['nothing', 0]), "made from a volume 'nothing' that does not exist"],
    ['thin', 'base', (s) => s.set('device_id', 77), 'has no device 77'],
    ['thin', 'base', (s) => s.set('thin_pool', 'outside'), "no thin pool 'outside'"],
    ['snapshot', 'snapshot0', (s) => s.set('origin', 'lost'), 'its origin lost is gone'],
  ];
  it.each(refusals)('%s %s: %#', async (group, volume, change, reason) => {
    const disks = fixtureDisks(group);
    await edit(disks, (section) => change(segmentOf(section, volume)));
    const vg = { linear: 'vg-lin', snapshot: 'vgsnap' }[group] ?? `vg${group}`;
    const shown = volume === 'snapshot0' ? 'small' : volume;
    expect(await readingOf(disks, `/dev/${vg}/${shown}`)).toContain(reason);
  });

  it('a snapshot whose origin lies on a missing disk says so', async () => {
    const disks = fixtureDisks('snapshot');
    await loseOrigin(disks);
    expect(await readingOf(disks, '/dev/vgsnap/small')).toMatch(
      /snapshot small: its origin origin is gone: .*physical volume aaaaaa-\S+, last seen as \/dev\/sdz, is missing/,
    );
  });

  it('an exported group', async () => {
    const disks = fixtureDisks('ring');
    await edit(disks, (section) => void section.set('status', ['RESIZEABLE', 'READ', 'WRITE', 'EXPORTED']));
    expect(await readingOf(disks, '/dev/vgring/one')).toContain('an exported group');
  });

  it('LVM1', async () => {
    const disk = new MemoryDevice(4 << 20);
    const header = new Uint8Array(16);
    header.set([0x48, 0x4d, 1, 0]);
    new DataView(header.buffer).setUint32(8, 1024, true);
    await disk.write(0, header);
    const { tree, text } = await discover([disk]);
    expect(tree.find('/dev/sda')!.member?.type).toBe('LVM1_member');
    expect(text()).toContain('metadata of LVM1');
  });

  it('writing an origin, a snapshot or a volume with a cache', async () => {
    const snapshots = await discover(fixtureDisks('snapshot'));
    const caches = await discover(fixtureDisks('cache'));
    const names = ['/dev/vgsnap/origin', '/dev/vgsnap/small', '/dev/vgsnap/back', '/dev/vgcache/through'];
    for (const name of names) {
      const { device } = (snapshots.tree.find(name) ?? caches.tree.find(name))!;
      expect(device.writable).toBe(false);
      await expect(device.write(0, new Uint8Array(512))).rejects.toMatchObject({ code: 'VMC_READ_ONLY' });
    }
  });

  it('a thin pool that must be checked is only read', async () => {
    const disks = fixtureDisks('thin');
    await edit(disks, (section) => void segmentOf(section, 'pool').set('transaction_id', 9));
    const { tree, text } = await discover(disks);
    const { device } = tree.find('/dev/vgthin/base')!;
    expect(await sha256(device)).toBe(expected('thin', '/dev/vgthin/base'));
    expect(device.writable).toBe(false);
    expect(text()).toContain('the pool is at transaction 5, its group says 9');
  });
});

describe('thin metadata that is damaged', () => {
  it('is noticed wherever a checksum covers it', async () => {
    const disks = fixtureDisks('thin');
    const { groups } = await scanGroups(
      disks.map((device) => ({ device })),
      () => undefined,
    );
    const tmeta = groups[0]!.group.lvs.get('pool_tmeta')!.segments[0]!.section.get('stripes') as (string | number)[];
    const pv = groups[0]!.devices.get(tmeta[0] as string)!;
    const start = groups[0]!.group.pvs.get(tmeta[0] as string)!.start * 512 + (tmeta[1] as number) * 256 * 1024;
    expect(ThinSuperblock.decode(await pv.device.read(start, 4096)).dataBlockSize).toBe(128);
    await pv.device.write(start + 340, Uint8Array.of(9));
    expect(await readingOf(disks, '/dev/vgthin/base')).toContain('checksum of a thinSuperblock block');
  });
});

describe('LVM on LVM', () => {
  it('comes up on volumes of another group', async () => {
    const disks = fixtureDisks('linear');
    const first = await discover(disks);
    const inner = first.tree.find('/dev/vg-lin/span')!.device;
    await createPhysicalVolume(inner);
    const { tree } = await discover(disks);
    expect(tree.find('/dev/vg-lin/span')!.member?.type).toBe('LVM2_member');
  });
});

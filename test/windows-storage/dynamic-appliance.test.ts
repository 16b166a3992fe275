import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pattern, requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { IN_PROCESS } from '../guest/in-process.js';
import { DISKS_NEED, hashOf, WindowsDisks } from './dynamic-disks.js';

const MINUTE = 60_000;

describe.runIf(requireTools(...DISKS_NEED, 'guestfish', 'ldmtool'))('dynamic disks of an appliance', () => {
  it('ldmtool and device mapper read what was written, in whole and in its pieces', {
    timeout: 10 * MINUTE,
  }, async () => {
    using disks = new WindowsDisks();
    const drives = disks.drives('2003r2');
    const content = pattern(3_000_001, 5);
    const ours = new Map<string, string>();
    {
      await using g = await GuestFS.open(drives, IN_PROCESS);
      for (const volume of await g.listLdmVolumes()) {
        await g.mount(volume, '/');
        await g.mkdir('/ours');
        await g.write('/ours/file', content);
        await g.umountAll();
      }
      for (const device of await g.listDmDevices()) ours.set(device, await hashOf(g, device));
    }
    const lines = ['run'];
    for (const device of ours.keys()) lines.push(`checksum-device sha256 ${device}`);
    const volumes = [...ours.keys()].filter((name) => name.includes('/ldm_vol_'));
    for (const volume of volumes) lines.push(`mount-ro ${volume} /`, 'checksum sha256 /ours/file', 'umount-all');
    const script = join(disks.folder, 'script');
    writeFileSync(script, `${lines.join('\n')}\n`);
    const args = ['--ro', '--format=raw', ...drives.flatMap(({ path }) => ['-a', path]), '-f', script];
    const said = execFileSync('guestfish', args, {
      encoding: 'utf8',
      env: { ...process.env, LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
      timeout: 9 * MINUTE,
    });
    const hash = createHash('sha256').update(content).digest('hex');
    expect(said.trim().split('\n')).toEqual([...ours.values(), ...volumes.map(() => hash)]);
    // Parity agrees: a RAID-5 is the same without any one disk.
    for (const lost of ['raid5-1', 'raid5-2', 'raid5-3']) {
      const kept = drives.filter(({ path }) => path.includes('raid5') && !path.includes(lost));
      await using g = await GuestFS.open(kept, { ...IN_PROCESS, readonly: true });
      const raid = '/dev/mapper/ldm_vol_Red-nzv8x6obywgDg0_Raid1';
      expect(await hashOf(g, raid)).toBe(ours.get(raid));
    }
  });
});

// What a command line says when the disks of a guest, or its passphrases, are not all there.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { MemoryDevice } from '@vmcraft/core/block';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeGroup } from '../../packages/storage-ldm/test/make-group.js';
import { loseOrigin } from '../../packages/storage-lvm/test/edit-metadata.js';
import { fixtureDisks } from '../../packages/storage-lvm/test/support.js';
import { cli } from '../cli/run-cli.js';

const PACKAGES = join(import.meta.dirname, '../../packages');
const UUID = '[0-9a-zA-Z]+(?:-[0-9a-zA-Z]+)+';

describe('disks that are not all there', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-missing-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const path = (name: string): string => join(folder, name);
  const fixture = (owner: string, name: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => {
      const file = `${name}-${i + 1}.img`;
      writeFileSync(path(file), gunzipSync(readFileSync(join(PACKAGES, owner, 'test/fixtures', `${file}.gz`))));
      return path(file);
    });

  /** The last lines of hashing a device, by the shell of guestfish's commands. */
  async function sum(disks: readonly string[], device: string, ...more: string[]): Promise<string> {
    const drives = disks.flatMap((disk) => ['--format=raw', '-a', disk]);
    const run = ['--run', 'run', '--run', `checksum-device md5 ${device}`];
    const { stdout, stderr, status } = await cli(['--ro', ...drives, ...more, ...run]);
    return status === 0 ? stdout.trim() : stderr.trim();
  }

  it('md: in any order; too few are named with what is there', async () => {
    const disks = fixture('storage-mdraid', 'raid5-12', 3);
    const whole = await sum(disks, '/dev/md127');
    expect(whole).toMatch(/^[0-9a-f]{32}$/);
    expect(await sum([disks[2]!, disks[0]!, disks[1]!], '/dev/md127')).toBe(whole);
    expect(await sum(disks.slice(1), '/dev/md127')).toBe(whole);
    expect(await sum([disks[1]!], '/dev/md127')).toMatch(
      /slots 0, 2 are missing of the 3 of raid5, which is too few; there: slot 1 on \/dev\/sda; add the disks/,
    );
  });

  it('LVM: in any order; the physical volume is named, and where it was seen last', async () => {
    const disks = fixture('storage-lvm', 'linear', 3);
    const whole = await sum(disks, '/dev/vg-lin/striped3');
    expect(whole).toMatch(/^[0-9a-f]{32}$/);
    expect(await sum([...disks].reverse(), '/dev/vg-lin/striped3')).toBe(whole);
    expect(await sum(disks.slice(1), '/dev/vg-lin/striped3')).toMatch(
      new RegExp(`physical volume ${UUID}, last seen as /dev/\\S+, is missing; add the disk it is on`),
    );
  });

  it('LVM: a snapshot whose origin is gone says so', async () => {
    const disks = fixtureDisks('snapshot');
    await loseOrigin(disks);
    const [disk] = disks as [MemoryDevice];
    writeFileSync(path('snapshot'), await disk.read(0, disk.size));
    expect(await sum([path('snapshot')], '/dev/vgsnap/small')).toMatch(
      /snapshot small: its origin origin is gone: .*physical volume aaaaaa-\S+, last seen as \/dev\/sdz, is missing/,
    );
  });

  it('LDM: in any order; disk and volume are named', async () => {
    const { disks } = makeGroup([{ name: 'Volume1', kind: 'striped', disks: [0, 1, 2] }]);
    const files = disks.map((disk, i) => {
      writeFileSync(path(`ldm-${i}`), disk);
      return path(`ldm-${i}`);
    });
    const device = '/dev/mapper/ldm_vol_WIN-Dg0_Volume1';
    const whole = await sum(files, device);
    expect(whole).toMatch(/^[0-9a-f]{32}$/);
    expect(await sum([...files].reverse(), device)).toBe(whole);
    expect(await sum(files.slice(1), device)).toMatch(
      new RegExp(`LDM volume Volume1: disk Disk1 \\(${UUID}\\) of it is missing: open the guest with all of its disks`),
    );
  });

  it.runIf(requireTools('cryptsetup'))(
    'LUKS: no passphrase and a wrong one are told apart, and the container is named',
    async () => {
      writeFileSync(path('luks'), '');
      truncateSync(path('luks'), 20 << 20);
      const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--key-file', '-'];
      execFileSync('cryptsetup', ['luksFormat', '-q', ...quick, path('luks')], { input: 'right' });
      const uuid = execFileSync('cryptsetup', ['luksUUID', path('luks')], { encoding: 'utf8' }).trim();
      const device = `/dev/mapper/luks-${uuid}`;
      expect(await sum([path('luks')], device, '--key', '/dev/sda:key:right')).toMatch(/^[0-9a-f]{32}$/);
      expect(await sum([path('luks')], device, '--key', '/dev/sda:key:wrong')).toMatch(
        /\/dev\/sda: no given key opens it/,
      );
      expect(await sum([path('luks')], device)).toMatch(/\/dev\/sda: a key is required/);
    },
  );

  it.runIf(requireTools('mkfs.btrfs'))('Btrfs: in any order; the device is named', async () => {
    const disks = ['btrfs-1', 'btrfs-2'].map((name) => {
      writeFileSync(path(name), '');
      truncateSync(path(name), 128 << 20);
      return path(name);
    });
    execFileSync('mkfs.btrfs', ['-q', '-f', '-m', 'raid0', '-d', 'raid0', ...disks]);
    const list = async (own: readonly string[]) => {
      const drives = own.flatMap((disk) => ['--format=raw', '-a', disk]);
      return cli(['--ro', ...drives, '-m', '/dev/sda', '--run', 'btrfs-subvolume-list /', '--run', 'find /']);
    };
    expect(await list(disks)).toMatchObject({ status: 0 });
    expect(await list([...disks].reverse())).toMatchObject({ status: 0 });
    const part = await list([disks[1]!]);
    expect(part.status).not.toBe(0);
    expect(part.stderr).toMatch(new RegExp(`devid 1 \\(${UUID}\\) is missing`));
  });
});

import { execFileSync } from 'node:child_process';
import { requireTools } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { imagesOf } from '../../packages/fs-btrfs/test/fixtures.js';
import { asGuestfish, cli, scratchFolder } from '../cli/run-cli.js';
import { IN_PROCESS } from '../guest/in-process.js';

const folder = scratchFolder();
let program: string | undefined;
let quota: string[];
let mirror: string[];
let grown: string[];
beforeAll(async () => {
  quota = await imagesOf('quota', folder);
  mirror = await imagesOf('raid1', folder);
  grown = await imagesOf('sprout', folder);
});

/** What guestfish and the command are both asked; the first disk has quotas, the other two are one file system. */
const SCRIPT = `run
btrfs-filesystem-show /dev/sda
btrfs-filesystem-show /dev/sdb
btrfs-filesystem-show /dev/sdc
mount /dev/sda /
btrfs-subvolume-show /
btrfs-subvolume-show /sub
btrfs-subvolume-show /snap
btrfs-subvolume-show /sub/dir/inner
-btrfs-subvolume-show /deep
btrfs-qgroup-show /
btrfs-qgroup-show /sub
btrfs-scrub-status /
btrfs-balance-status /
btrfs-subvolume-list /
btrfs-subvolume-list /sub
btrfs-subvolume-list /dev/sda
btrfs-subvolume-list btrfsvol:/dev/sda/sub
btrfs-subvolume-get-default /
statvfs /
umount /
mount /dev/sdc /
-btrfs-qgroup-show /
btrfs-subvolume-show /sub
btrfs-balance-status /
`;

const ID = /^fsid: (-?\d+)$/;

/**
 * What differs for reasons of the tools: btrfs-progs show the time of creation as that of sending where nothing was sent; the mount in the
 * appliance has other flags; the id of a file system has 53 bits here.
 */
const comparable = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => !/^Send time:|^flag:/.test(line))
    .map((line) => line.trimEnd().replace(ID, (_, id: string) => `fsid: ${BigInt.asUintN(53, BigInt(id))}`));

describe.runIf(requireTools('guestfish'))('the functions of Btrfs that look', () => {
  it('say what guestfish says', async () => {
    const drives = [...quota, ...mirror].flatMap((image) => ['--format=raw', '-a', image]);
    program ??= asGuestfish(folder);
    const ours = await cli(['--ro', ...drives], { input: SCRIPT, program });
    const theirs = execFileSync('guestfish', ['--ro', ...drives], {
      input: SCRIPT,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
    });
    expect(comparable(ours.stdout)).toEqual(comparable(theirs));
    expect(ours.stderr).toMatch(/not a Btrfs subvolume/);
    expect(ours.stderr).toMatch(/quotas are not enabled/);
    expect(theirs).toContain('btrfsqgroup_excl: 16384');
  }, 600_000);
});

describe('a Btrfs over several disks of a guest', () => {
  const options = { ...IN_PROCESS, readonly: true } as const;

  it('a device that is missing is told, and which', async () => {
    await using g = await GuestFS.open(mirror.slice(1), options);
    await expect(g.btrfsFilesystemShow('/dev/sda')).rejects.toMatchObject({ code: 'ENODEV', message: /device 1 \(/ });
  });

  it('what grew from a seed finds it among the disks, in any order', async () => {
    for (const disks of [grown, [...grown].reverse(), [...quota, ...grown]]) {
      await using g = await GuestFS.open(disks, options);
      const name = `/dev/sd${'abc'[disks.indexOf(grown[0]!)]}`;
      await g.mountRo(name, '/');
      expect(await g.cat('/sub/file')).toBe('inside\n');
      expect((await g.btrfsFilesystemShow(name)).length).toBe(2);
    }
  });
});

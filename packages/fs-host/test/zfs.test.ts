// ZFS pools, imported by a zfs-fuse of our own. What makes and judges them is another zfs-fuse, in a namespace of the test.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from '../../vmcraft/src/index.js';
import { OrdinaryUser, USER_NEEDS } from './ordinary-user.js';
import { ROOT_NEEDS, traces } from './support.js';

/** Runs a script beside a daemon that knows no pool of the host. */
const BESIDE_DAEMON = `set -e
mount -t tmpfs none /run; mount -t tmpfs none /etc/zfs; mkdir -p /run/zfs /run/lock/zfs /run/alt
zfs-fuse --no-daemon --no-kstat-mount --max-arc-size 64 >/dev/null 2>&1 & daemon=$!
trap 'kill -9 $daemon; wait $daemon || true' EXIT
for i in $(seq 200); do zpool list -H >/dev/null 2>&1 && break; sleep 0.02; done
cd "$1"
`;
const IMPORT = 'zpool import -d . -f -o cachefile=none -R /run/alt tank; ';

describe.runIf(requireTools(...ROOT_NEEDS, ...USER_NEEDS, 'zfs-fuse', 'zpool'))(
  'a ZFS pool',
  { timeout: 60_000 },
  () => {
    let folder: string;
    let disks: string[];

    const zfs = async (script: string): Promise<string> => {
      const words = ['--mount', '--propagation', 'private', 'bash', '-c', BESIDE_DAEMON + script, 'bash', folder];
      return (await promisify(execFile)('unshare', words, { maxBuffer: 1 << 24 })).stdout;
    };
    const sums = async (): Promise<string[]> =>
      Promise.all(
        disks.map(async (disk) =>
          createHash('sha256')
            .update(await readFile(disk))
            .digest('hex'),
        ),
      );

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'vmcraft-zfs-test-'));
      disks = ['0.img', '1.img'].map((name) => join(folder, name));
      await zfs(`truncate -s 80M 0.img 1.img
      zpool create -o cachefile=none -m /tank -R /run/alt tank "$1/0.img" "$1/1.img"
      zfs create -o mountpoint=/data tank/data; zfs create -o mountpoint=legacy tank/old; zfs create -o canmount=noauto tank/off
      echo hello > /run/alt/tank/hello; seq 100000 > /run/alt/data/numbers; ln -s /etc/passwd /run/alt/data/link
      chown 33:1000 /run/alt/data/numbers; chmod 4750 /run/alt/data/numbers
      zpool export tank`);
    });
    afterAll(() => rm(folder, { recursive: true }));

    it('is written, over all of its devices; zfs finds what was written, and no error', async () => {
      const g = await GuestFS.open(disks, { format: 'raw' });
      expect(await g.vfsType('/dev/sda')).toBe('zfs_member');
      await g.mount('/dev/sda', '/');
      expect(await g.ls('/')).toEqual(['data', 'tank']);
      expect(await g.cat('/tank/hello')).toBe('hello\n');
      expect((await g.statns('/data/numbers')).st_mode & 0o7777).toBe(0o4750);
      expect((await g.readFile('/data/numbers')).length).toBe(588_895);
      await expect(g.cat('/data/link')).rejects.toThrow('No such file');
      await g.write('/data/new', new Uint8Array(20_000_000).fill(9));
      await g.mkdirP('/tank/a/b');
      await g.write('/tank/a/b/c', 'deep\n');
      await g.rm('/tank/hello');
      await g.close();
      expect(await traces()).toEqual([]);
      const found = await zfs(
        `${IMPORT} cat /run/alt/tank/a/b/c; ls /run/alt/tank; stat -c %s /run/alt/data/new; zpool scrub tank; sleep 1; zpool status tank; zpool export tank`,
      );
      expect(found).toMatch(/^deep\na\n20000000\n/);
      expect(found).toMatch(/scrub completed.* 0 errors|No known data errors/);
      expect(found).toContain('errors: No known data errors');
    });

    it('is read from disks that are not written, which stay as they are', async () => {
      const before = await sums();
      const g = await GuestFS.open(disks, { readonly: true });
      await g.mountRo('/dev/sda', '/');
      expect(await g.cat('/tank/a/b/c')).toBe('deep\n');
      await expect(g.write('/tank/x', 'x')).rejects.toMatchObject({ code: 'EROFS' });
      await g.close();
      expect(await sums()).toEqual(before);
    });

    it('a session that is rolled back leaves it as it was', async () => {
      const before = await sums();
      const g = await GuestFS.open(disks, { format: 'raw' });
      await g.mount('/dev/sda', '/');
      await g.write('/tank/lost', 'x');
      await g.rollback();
      expect(await sums()).toEqual(before);
      expect(await traces()).toEqual([]);
    });

    it('one data set is mounted by name; what there is not, or cannot be, is told', async () => {
      const g = await GuestFS.open(disks, { readonly: true });
      await g.mountOptions('ro,dataset=tank/data', '/dev/sda', '/');
      expect(await g.ls('/')).toEqual(['link', 'new', 'numbers']);
      await g.umountAll();
      await g.mountOptions('ro,dataset=tank/off', '/dev/sda', '/');
      expect(await g.ls('/')).toEqual([]);
      await g.umountAll();
      await expect(g.mountOptions('ro,dataset=tank/none', '/dev/sda', '/')).rejects.toThrow(
        /no data set tank\/none; there are tank, tank\/data, tank\/off, tank\/old/,
      );
      await expect(g.mountOptions('ro,dataset=tank/old', '/dev/sda', '/')).rejects.toThrow(/legacy/);
      await g.close();
      expect(await traces()).toEqual([]);
    });

    it('with a disk missing, it is refused with what zpool says', async () => {
      const g = await GuestFS.open(disks[0] as string, { readonly: true });
      await expect(g.mountRo('/dev/sda', '/')).rejects.toThrow(/cannot import 'tank'/);
      await g.close();
      expect(await traces()).toEqual([]);
    });

    it('without root the reason is told', async () => {
      const user = await OrdinaryUser.create();
      await copyFile(disks[0] as string, user.at('disk'));
      const disk = await user.give('disk');
      const said = await user.vmcraft(['--ro', '-a', disk, 'run', ':', 'mount-ro', '/dev/sda', '/']);
      expect(said.status).not.toBe(0);
      expect(said.stderr).toMatch(/zfs_member.*zfs-fuse needs root/s);
      await user.dispose();
    });
  },
);

// Commands of a guest by somebody who is not root: a user namespace, fuse2fs, and nothing that stays.
import { copyFile } from 'node:fs/promises';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OrdinaryUser, USER_NEEDS, type UserHost } from './ordinary-user.js';
import { GUEST_NEEDS, smallGuest } from './small-guest.js';
import { run, type TestImage, traces } from './support.js';

describe.runIf(requireTools(...GUEST_NEEDS, ...USER_NEEDS))('without root', { timeout: 120_000 }, () => {
  let image: TestImage;
  let user: OrdinaryUser;
  let disk: string;

  beforeAll(async () => {
    image = await smallGuest(false);
    user = await OrdinaryUser.create();
    await copyFile(image.path, user.at('disk.raw'));
    disk = await user.give('disk.raw');
  });

  afterAll(async () => {
    await image.dispose();
    await user.dispose();
  });

  const inGuest = async (script: string, host?: UserHost) => {
    const words = ['run', disk, '--image-format', 'raw', '-m', '/dev/sda', '--', 'sh', '-c', script];
    const result = await user.vmcraft(words, host);
    expect(await traces(result.pid)).toEqual([]);
    return result;
  };

  it('a command is root in the guest, with all of its ids, and what it wrote is on a clean disk', async () => {
    const script =
      'id -u; echo made > /root/made; chmod 4750 /root/made; dd if=/dev/zero of=/big bs=1M count=8 2>&1; ' +
      'mkdir /etc/d; ln -s made /root/link; rm /etc/hostname; cat /proc/self/uid_map';
    const { status, stdout, stderr } = await inGuest(script);
    expect(status, stderr).toBe(0);
    expect(stdout.split('\n')[0]).toBe('0');
    expect(stdout).toMatch(/^\s*0\s+61234\s+1$/m);
    await run('e2fsck', ['-fn', disk]);
    const seen = await run('debugfs', ['-R', 'stat /root/made', disk]);
    expect(seen.stdout).toMatch(/Mode: {2}04750.*User: {5}0 .*Group: {5}0/s);
    expect((await run('debugfs', ['-R', 'cat /root/made', disk])).stdout).toBe('made\n');
    expect((await run('debugfs', ['-R', 'ls -p /etc', disk])).stdout).not.toContain('hostname');
  });

  it('files of other users of the guest are written, and given to them', async () => {
    const owner = 'chown($_, $_ + 1, "/root/of$_") or die "$!" for 33, 1000, 65000;';
    const { status, stderr } = await inGuest(
      `for i in 33 1000 65000; do echo $i > /root/of$i; done; perl -e '${owner}' && cat /root/of1000`,
    );
    expect(status, stderr).toBe(0);
    expect((await run('debugfs', ['-R', 'stat /root/of65000', disk])).stdout).toMatch(/User: 65000 .*Group: 65001/);
    await run('e2fsck', ['-fn', disk]);
  });

  it('root of a user namespace, as in a container, works alike', async () => {
    const within = ['unshare', '--user', '--map-auto', '--map-root-user', '--mount', '--'];
    const { status, stdout, stderr } = await inGuest('id -u; echo contained > /root/contained', { within });
    expect(status, stderr).toBe(0);
    expect(stdout).toBe('0\n');
    expect((await run('debugfs', ['-R', 'cat /root/contained', disk])).stdout).toBe('contained\n');
    await run('e2fsck', ['-fn', disk]);
  });

  it('a command that fails, or that is killed at its limit, leaves the disk as it was', async () => {
    const before = (await run('sha256sum', [disk])).stdout;
    expect((await inGuest('rm -rf /bin/* /etc; exit 9')).status).toBe(9);
    const words = ['run', disk, '--image-format', 'raw', '-m', '/dev/sda', '--timeout', '1', '--'];
    const late = await user.vmcraft([...words, 'sh', '-c', 'rm -rf /etc; sleep 100']);
    expect(late.status).not.toBe(0);
    expect(await traces(late.pid)).toEqual([]);
    expect((await run('sha256sum', [disk])).stdout).toBe(before);
  });

  it('it has no rights on the host that the user lacks', async () => {
    const { stdout } = await inGuest(
      'mount -t tmpfs x /tmp 2>&1; mknod /root/disk b 254 0 2>&1; unshare -U true 2>&1; echo x 2>&1 > /proc/sys/kernel/hostname; cat /proc/1/environ 2>&1; echo',
    );
    expect(stdout).toMatch(/mount: .*(denied|not permitted)/);
    expect(stdout).toMatch(/mknod: .*not permitted/);
    expect(stdout).toMatch(/unshare.*not permitted/);
    expect(stdout).toMatch(/environ.*denied/);
  });

  /** What the host lacks, and what is said. An appliance would be the last resort: it is not there either. */
  const bare = [
    'unshare',
    '--user',
    '--map-root-user',
    'setpriv',
    '--inh-caps=-all',
    '--bounding-set=-sys_admin',
    '--',
  ];
  const refusals: readonly (readonly [what: string, host: UserHost, said: RegExp])[] = [
    ['newuidmap', { without: ['/usr/bin/newuidmap'] }, /needs newuidmap.*\(install uidmap\)/s],
    ['a range of ids', { hasRange: false }, /needs a range of ids for vmcraft-test.*subuid\(5\)/s],
    ['a name', { isKnown: false }, /needs an entry in \/etc\/passwd for user 61234/],
    ['user namespaces', { files: { '/proc/sys/user/max_user_namespaces': '0\n' } }, /user namespaces.*forbids/s],
    [
      'fuse2fs',
      { without: ['/usr/bin/fuse2fs'] },
      /ext4 by the kernel needs root, fuse2fs is not installed.*install fuse2fs/s,
    ],
    [
      'qemu-storage-daemon',
      { without: ['/usr/bin/qemu-storage-daemon'] },
      /qemu-storage-daemon.*install qemu-system-common/s,
    ],
    ['/dev/fuse', { without: ['/dev/fuse'] }, /\/dev\/fuse cannot be opened/],
    ['CAP_SYS_ADMIN', { within: bare }, /root may not mount here: it lacks CAP_SYS_ADMIN.*--cap-add SYS_ADMIN/s],
    ['python3', { without: ['/usr/bin/python3'] }, /python3 is not installed.*install python3/s],
  ];
  for (const [what, host, said] of refusals) {
    it(`without ${what} it is refused, with the reason and what to do`, async () => {
      const { status, stderr } = await inGuest('true', {
        ...host,
        without: [...(host.without ?? []), '/usr/bin/perl'],
      });
      expect(status).not.toBe(0);
      expect(stderr).toMatch(said);
      expect(stderr).toMatch(/needs libguestfs: perl is not installed/);
    });
  }
});

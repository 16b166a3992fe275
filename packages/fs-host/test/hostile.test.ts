import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from '../../vmcraft/src/index.js';
import { GUEST_NEEDS, smallGuest } from './small-guest.js';
import { run, type TestImage, traces } from './support.js';

const GUEST_PASSWD = 'root:x:0:0:the guest:/root:/bin/sh\n';

/** Mounts that the helper of this process has made for volumes. Other tests mount things on this host meanwhile, which it sees, too. */
async function helperMounts(): Promise<string[]> {
  const folder = `vmcraft-host-${process.pid}-`;
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!words.includes(folder) || !words.includes('vmcraft_host.main') || words.includes('unshare')) continue;
    const mounts = (await readFile(`/proc/${pid}/mountinfo`, 'utf8')).split('\n');
    return mounts.filter((line) => line.includes(folder) && line.includes('/mount-'));
  }
  return [];
}

/** Mounts that everybody on this host sees, but for those that other tests have in their own folders. */
async function hostMounts(): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return mounts.filter((line) => line.includes('vmcraft-host-') || !line.split(' ')[4]?.startsWith(`${tmpdir()}/`));
}

describe.runIf(requireTools(...GUEST_NEEDS))('a hostile guest', { timeout: 60_000 }, () => {
  let image: TestImage;
  let g: GuestFS;

  beforeAll(async () => {
    image = await smallGuest(true);
    g = await GuestFS.open(image.path, { format: 'raw', backend: 'host' });
    await g.mount('/dev/sda', '/');
    await g.command(['true']);
  });

  afterAll(async () => {
    await g.close();
    expect(await traces()).toEqual([]);
    await image.dispose();
  });

  const sh = (text: string): Promise<string> => g.sh(text);
  /** A program that must fail; gives what it says. */
  const fails = async (text: string): Promise<string> => {
    const { status, stdout, stderr } = await g.session.commands.run(['sh', '-c', text]);
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    expect(status, said).not.toBe(0);
    return said;
  };
  const perl = (code: string): Promise<string> => g.command(['/usr/bin/perl', '-e', code]);

  it('reads no device of the host through a node, neither by a function nor by a program', async () => {
    for (const node of ['/hostdisk', '/mem']) {
      await expect(g.readFile(node)).rejects.toThrow();
      expect(await fails(`dd if=${node} bs=512 count=1`)).toMatch(/denied|not permitted/);
    }
    const disk = await g.stat('/hostdisk');
    const [major, minor] = [(disk.rdev >> 8) & 0xfff, disk.rdev & 0xff];
    expect(await fails(`mknod /own b ${major} ${minor} && dd if=/own bs=512 count=1`)).toMatch(/denied/);
    expect(await fails(`mknod /dev/own b ${major} ${minor} && dd if=/dev/own bs=512 count=1`)).toMatch(/denied/);
    expect(await fails(`mknod /run/own b ${major} ${minor} && dd if=/run/own bs=512 count=1`)).toMatch(/denied/);
  });

  it('leads no link out of itself', async () => {
    expect(await g.cat('/up')).toBe(GUEST_PASSWD);
    await expect(g.cat('/shadow')).rejects.toThrow('No such file');
    expect(await sh('cat /up; cd ../../..; cat ../../etc/passwd')).toBe(GUEST_PASSWD + GUEST_PASSWD);
    await expect(g.write('/shadow', 'x')).resolves.toBeUndefined();
    expect(await g.cat('/etc/shadow')).toBe('x');
    expect(await readFile('/etc/shadow', 'utf8')).not.toBe('x');
    await g.rm('/etc/shadow');
  });

  it('kills nothing by a very deep tree', async () => {
    await perl('chdir "/tmp"; for (1..1900) { mkdir "a"; chdir "a" or die } open(my $f, ">", "deep"); print $f "x"');
    expect(await g.exists(`/tmp/${'a/'.repeat(1900)}deep`)).toBe(true);
    expect(await sh('echo alive')).toBe('alive\n');
  });

  it('chooses not where /proc is mounted', async () => {
    expect(await sh('cat /etc/passwd')).toBe(GUEST_PASSWD);
    expect((await sh('ls /proc')).split('\n')).toContain('passwd');
  });

  it('gives no setuid program, device or program to the host: its mounts are private, nosuid and nodev', async () => {
    const mounts = await helperMounts();
    expect(mounts.length).toBeGreaterThan(0);
    for (const line of mounts) expect(line).toMatch(/nosuid.*nodev|nodev.*nosuid/);
    expect((await hostMounts()).filter((line) => line.includes('vmcraft-host-'))).toEqual([]);
  });

  it('escapes from no chroot as root', async () => {
    const program = `
      mkdir "/jail"; chroot "/jail" or die "chroot: $!"; chdir ".." for 1..100; chroot "."; opendir(my $d, "/"); print join " ", sort readdir $d;`;
    expect(await perl(program)).toContain('hostdisk');
  });

  it('has none of the rights that reach the kernel', async () => {
    const file = 'open(my $f, "<", "/etc/passwd");';
    // open_by_handle_at, keyctl, bpf, perf_event_open, reboot: the numbers of x86-64 and arm64.
    const calls = process.arch === 'arm64' ? [265, 219, 280, 241, 142] : [304, 250, 321, 298, 169];
    for (const call of calls) {
      const said = await perl(`${file} my $b = "\\0" x 256; print syscall(${call}, 0, $b, $b, 0, 0), " $!";`);
      expect(said, String(call)).toMatch(/^-1 (Operation not permitted|Permission denied)/);
    }
    expect(await fails('unshare -U true')).toMatch(/not permitted/);
    expect(await fails('mount -t tmpfs x /tmp')).toMatch(/permission denied|not permitted/);
    expect(await fails('umount /dev')).toMatch(/permission denied|not permitted/i);
    expect(await fails('hostname other')).toMatch(/not permitted/);
  });
});

describe.runIf(requireTools(...GUEST_NEEDS))('a hostile program and /proc', { timeout: 60_000 }, () => {
  let image: TestImage;
  let g: GuestFS;

  beforeAll(async () => {
    image = await smallGuest(false);
    g = await GuestFS.open(image.path, { format: 'raw' });
    await g.mount('/dev/sda', '/');
  });

  afterAll(async () => {
    await g.rollback();
    expect(await traces()).toEqual([]);
    await image.dispose();
  });

  it('changes no setting of the kernel', async () => {
    const before = await readFile('/proc/sys/kernel/core_pattern', 'utf8');
    for (const path of ['sys/kernel/core_pattern', 'sys/kernel/hostname', 'sysrq-trigger']) {
      await g.session.commands.run(['sh', '-c', `echo vmcraft > /proc/${path}`]);
    }
    expect(await readFile('/proc/sys/kernel/core_pattern', 'utf8')).toBe(before);
    expect(await g.sh('cat /proc/kcore /proc/keys /proc/kallsyms | wc -c')).toBe('0\n');
    const remounts = 'umount /proc/sys || mount -o remount,rw /proc/sys || mount -o remount,bind,rw,dev /';
    const { status } = await g.session.commands.run(['sh', '-c', remounts]);
    expect(status).not.toBe(0);
  });

  it('sees nothing of the process that started it', async () => {
    for (const link of ['exe', 'root', 'cwd', 'fd/0', 'fd/3']) {
      const { status } = await g.session.commands.run(['readlink', `/proc/1/${link}`]);
      expect(status, link).not.toBe(0);
    }
    expect((await g.session.commands.run(['sh', '-c', 'cat /proc/1/environ /proc/1/maps'])).status).not.toBe(0);
    expect(await g.sh('ls /proc/self/root/etc')).toBe('hostname\npasswd\n');
  });
});

describe.runIf(requireTools(...GUEST_NEEDS))('mount points of a hostile guest', { timeout: 60_000 }, () => {
  it('lie within it, whatever `..` and links they have', async () => {
    const [image, other] = [await smallGuest(true), await smallGuest(true)];
    const g = await GuestFS.open([image.path, other.path], { format: 'raw' });
    await g.mount('/dev/sda', '/');
    await g.mkdir('/a');
    await g.lnS('../../../../../../a', '/down');
    const before = await hostMounts();
    for (const point of ['/../../../tmp', '/tmp/../../usr/../../root', '/down']) {
      await g.mountRo('/dev/sdb', point);
      const place = { '/../../../tmp': '/tmp', '/down': '/a' }[point] ?? '/root';
      expect(await g.sh(`cat ${place}/etc/hostname; ls -d ${place}/../bin`), point).toBe(`small\n${place}/../bin\n`);
      expect(await g.sh('cut -d" " -f5 /proc/self/mountinfo 2>/dev/null || ls /proc')).not.toContain('vmcraft-host');
      await g.umount(place);
    }
    expect(await hostMounts()).toEqual(before);
    await g.rollback();
    expect(await traces()).toEqual([]);
    for (const each of [image, other]) await each.dispose();
  });
});

describe.runIf(requireTools(...GUEST_NEEDS, 'tune2fs'))(
  'a hostile superblock, and hostile options',
  { timeout: 60_000 },
  () => {
    it('make no kernel panic, and name no device of this host', async () => {
      const image = await smallGuest(false);
      await run('tune2fs', ['-e', 'panic', image.path]);
      const g = await GuestFS.open(image.path, { format: 'raw', backend: 'host' });
      await g.mount('/dev/sda', '/');
      expect(await helperMounts()).toEqual([expect.stringMatching(/errors=remount-ro/)]);
      await g.umountAll();
      for (const option of ['errors=panic', 'device=/dev/vda', 'logdev=/dev/vda', 'journal_path=/dev/vda'])
        await expect(g.mountOptions(`acl,${option}`, '/dev/sda', '/'), option).rejects.toMatchObject({
          code: 'VMC_USAGE',
        });
      await g.mountOptions('acl,data=ordered,suid,dev', '/dev/sda', '/');
      expect(await helperMounts()).toEqual([expect.stringMatching(/nosuid,nodev/)]);
      await g.close();
      expect(await traces()).toEqual([]);
      await image.dispose();
    });
  },
);

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { GuestFS } from 'vmcraft';
import { checkDisk, describeTree, makeDisk, Workspace, withKernelMount } from './image.js';

const tools = requireTools(
  'root',
  'sgdisk',
  'mke2fs',
  'mkfs.vfat',
  'e2fsck',
  'fsck.fat',
  'mount',
  'setfacl',
  'getfacl',
  'setfattr',
);

/** One change, by our function and by the program whose semantics it has; `$` is the root in the shell. */
const STEPS: readonly (readonly [(g: GuestFS) => Promise<unknown>, string])[] = [
  [(g) => g.mkdir('/spot'), 'mkdir $/spot'],
  [(g) => g.mkdirP('/spot/a/b/c'), 'mkdir -p $/spot/a/b/c'],
  [(g) => g.mkdirMode('/spot/sticky', 0o1777), 'mkdir $/spot/sticky; chmod 1755 $/spot/sticky'],
  [(g) => g.write('/spot/f', 'hello\n'), 'printf "hello\\n" > $/spot/f'],
  [(g) => g.writeAppend('/spot/f', 'more\n'), 'printf "more\\n" >> $/spot/f'],
  [(g) => g.pwrite('/spot/f', 'LL', 2), 'printf LL | dd of=$/spot/f bs=1 seek=2 conv=notrunc status=none'],
  [(g) => g.write('/home/link', 'through the link\n'), 'echo "through the link" > $/home/link'],
  [(g) => g.fill(0x61, 3_000_001, '/spot/filled'), 'head -c 3000001 /dev/zero | tr "\\0" a > $/spot/filled'],
  [(g) => g.fillPattern('abcd', 10, '/spot/pattern'), 'printf abcdabcdab > $/spot/pattern'],
  [(g) => g.truncateSize('/spot/pattern', 100), 'truncate -s 100 $/spot/pattern'],
  [(g) => g.fallocate64('/spot/reserved', 1 << 20), 'fallocate -l 1M $/spot/reserved'],
  [(g) => g.touch('/spot/touched'), 'touch $/spot/touched'],
  [(g) => g.chmod(0o4711, '/spot/touched'), 'chmod 4711 $/spot/touched'],
  [(g) => g.chown(1000, -1, '/spot/touched'), 'chown 1000 $/spot/touched'],
  [(g) => g.chown(-1, 50, '/spot/a'), 'chgrp 50 $/spot/a'],
  [(g) => g.chmod(0o2775, '/spot/a'), 'chmod 2775 $/spot/a'],
  [(g) => g.write('/spot/a/inherits', ''), ': > $/spot/a/inherits'],
  [(g) => g.mkdir('/spot/a/inherits-too'), 'mkdir $/spot/a/inherits-too'],
  [(g) => g.lnS('/anywhere at all', '/spot/sym'), 'ln -s "/anywhere at all" $/spot/sym'],
  [(g) => g.lnSf('other', '/spot/sym'), 'ln -sf other $/spot/sym'],
  [(g) => g.lnS('into', '/spot/a'), 'ln -s into $/spot/a'],
  [(g) => g.ln('/spot/f', '/spot/hard'), 'ln $/spot/f $/spot/hard'],
  [(g) => g.lnF('/spot/pattern', '/spot/hard'), 'ln -f $/spot/pattern $/spot/hard'],
  [(g) => g.lchown(7, 8, '/spot/sym'), 'chown -h 7:8 $/spot/sym'],
  [(g) => g.mkfifo(0o777, '/spot/fifo'), 'mkfifo $/spot/fifo; chmod 755 $/spot/fifo'],
  [(g) => g.mknodC(0o666, 1, 3, '/spot/null'), 'mknod $/spot/null c 1 3; chmod 644 $/spot/null'],
  [(g) => g.mknodB(0o660, 259, 70000, '/spot/block'), 'mknod $/spot/block b 259 70000; chmod 640 $/spot/block'],
  [(g) => g.cp('/spot/f', '/spot/copy'), 'cp $/spot/f $/spot/copy'],
  [(g) => g.cp('/spot/touched', '/spot/a'), 'cp $/spot/touched $/spot/a'],
  [(g) => g.cpA('/spot/a', '/spot/archive'), 'cp -a $/spot/a $/spot/archive'],
  [(g) => g.cpA('/etc', '/spot/renamed-etc'), 'cp -a $/etc $/spot/renamed-etc'],
  [(g) => g.cpR('/home', '/spot/home2'), 'cp -rP $/home $/spot/home2'],
  [(g) => g.mv('/spot/copy', '/spot/moved'), 'mv $/spot/copy $/spot/moved'],
  [(g) => g.mv('/spot/moved', '/spot/sticky'), 'mv $/spot/moved $/spot/sticky'],
  [(g) => g.rename('/spot/sticky', '/spot/renamed'), 'mv -T $/spot/sticky $/spot/renamed'],
  [
    (g) => g.copyFileToFile('/spot/filled', '/spot/part', { srcoffset: 5, destoffset: 7, size: 100 }),
    'dd if=$/spot/filled of=$/spot/part bs=1 skip=5 seek=7 count=100 status=none',
  ],
  [
    (g) => g.copyAttributes('/spot/touched', '/spot/part', { all: true }),
    'chown --reference=$/spot/touched $/spot/part; chmod --reference=$/spot/touched $/spot/part',
  ],
  [(g) => g.rm('/spot/reserved'), 'rm $/spot/reserved'],
  [(g) => g.rmF('/spot/not-there'), 'rm -f $/spot/not-there'],
  [(g) => g.rmRf('/spot/archive/b'), 'rm -rf $/spot/archive/b'],
  [(g) => g.mkdir('/spot/empty'), 'mkdir $/spot/empty'],
  [(g) => g.rmdir('/spot/empty'), 'rmdir $/spot/empty'],
];

/** Calls that fail, and the code they fail with; the same calls as system calls on Linux. */
const FAILURES: readonly (readonly [(g: GuestFS) => Promise<unknown>, string])[] = [
  [(g) => g.mkdir('/etc'), 'EEXIST'],
  [(g) => g.mkdir('/no/such'), 'ENOENT'],
  [(g) => g.mkdirP('/etc/hostname/x'), 'ENOTDIR'],
  [(g) => g.rmdir('/etc'), 'ENOTEMPTY'],
  [(g) => g.rmdir('/etc/hostname'), 'ENOTDIR'],
  [(g) => g.rm('/etc'), 'EISDIR'],
  [(g) => g.rm('/home/link/'), 'ENOTDIR'],
  [(g) => g.rmRf('/'), 'EBUSY'],
  [(g) => g.write('/home', 'x'), 'EISDIR'],
  [(g) => g.cat('/home/broken'), 'ENOENT'],
  [(g) => g.readlink('/etc/hostname'), 'EINVAL'],
  [(g) => g.mv('/etc', '/etc/x'), 'EINVAL'],
  [(g) => g.cp('/etc', '/copy'), 'EISDIR'],
  [(g) => g.cpA('/etc', '/etc/sub'), 'EINVAL'],
  [(g) => g.ln('/etc/hostname', '/home/user'), 'EEXIST'],
  [(g) => g.rename('/etc', '/no/such/x'), 'ENOENT'],
  [(g) => g.truncate('/none'), 'ENOENT'],
  [(g) => g.truncateSize('/none', 10), 'ENOENT'],
  [(g) => g.pread('/etc/hostname', -1, 0), 'EINVAL'],
  [(g) => g.pwrite('/none', 'x', 0), 'ENOENT'],
  [(g) => g.touch('/etc'), 'EINVAL'],
  [(g) => g.mktemp('/home/XXXXX'), 'VMC_USAGE'],
  [(g) => g.fill(300, 1, '/x'), 'VMC_USAGE'],
  [(g) => g.umask(0o1777), 'VMC_USAGE'],
  [(g) => g.umount('/etc'), 'EINVAL'],
  [(g) => g.mount('/dev/sda1', '/none'), 'ENOENT'],
  [(g) => g.mount('/dev/sda2', '/'), 'EBUSY'],
  [(g) => g.mountableSubvolume('/dev/sda2'), 'EINVAL'],
  [(g) => g.fileArchitecture('/etc/fstab'), 'VMC_UNSUPPORTED'],
  [(g) => g.available(['no-such-group']), 'VMC_USAGE'],
  [(g) => g.available(['augeas']), 'VMC_NO_CAPABILITY'],
  [(g) => g.mountLocal('/mnt'), 'VMC_NO_CAPABILITY'],
];

describe.runIf(tools)('file functions', () => {
  let space: Workspace;
  let disk: string;

  beforeAll(() => {
    space = new Workspace();
    disk = makeDisk(space);
  });
  afterAll(() => space[Symbol.dispose]());

  it('change a tree exactly as the kernel and coreutils change its twin', async () => {
    const ours = makeDisk(space, 'ours.raw');
    const theirs = space.path('theirs.raw');
    execFileSync('cp', [ours, theirs]);
    await GuestFS.with(ours, async (g) => {
      await g.mountRoot();
      for (const [step, name] of STEPS)
        await step(g).catch((error: Error) => Promise.reject(new Error(`${name}: ${error.message}`)));
      expect((await g.find('/spot')).length).toBeGreaterThan(30);
    });
    const script = STEPS.map(([, shell]) => shell.replaceAll('$/', 'ROOT/')).join('\n');
    const expected = withKernelMount(
      space,
      theirs,
      (folder) => {
        // An absolute link must be followed within the guest: the shell may not do it, so no step needs it.
        execFileSync('bash', ['-euc', script.replaceAll('ROOT/', `${folder}/`)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        return describeTree(folder);
      },
      false,
    );
    expect(withKernelMount(space, ours, describeTree)).toEqual(expected);
    checkDisk(space, ours);
  });

  it('fail as the system calls do, and change nothing', async () => {
    // Nothing of the host may stand in for what is not here.
    vi.stubEnv('PATH', '');
    onTestFinished(() => void vi.unstubAllEnvs());
    await using g = await GuestFS.open(disk, { dryRun: true });
    await g.mountRoot();
    await g.mkdir('/spare');
    const before = await g.find('/');
    for (const [call, code] of FAILURES) {
      const outcome = await call(g).then(
        () => 'no error',
        (error: { code: string }) => error.code,
      );
      expect(`${call}: ${outcome}`).toBe(`${call}: ${code}`);
    }
    expect(await g.find('/')).toEqual(before);
  });

  it('inherit and keep access control lists as the kernel does', async () => {
    const ours = makeDisk(space, 'acl.raw');
    const acl = (folder: string): string =>
      execFileSync('getfacl', ['-RpnE', '--absolute-names', '.'], { cwd: join(folder, 'shared'), encoding: 'utf8' });
    withKernelMount(
      space,
      ours,
      (folder) =>
        execFileSync('bash', ['-ec', `mkdir ${folder}/shared && setfacl -d -m u:1000:rw,g::rx,o::- ${folder}/shared`]),
      false,
    );
    const theirs = space.path('acl-theirs.raw');
    execFileSync('cp', [ours, theirs]);
    await GuestFS.with(ours, async (g) => {
      await g.mountRoot();
      await g.write('/shared/f', 'x');
      await g.mkdir('/shared/d');
      await g.write('/shared/d/g', 'x');
      await g.chmod(0o640, '/shared/d/g');
      await g.mknodC(0o666, 1, 3, '/shared/null');
    });
    const expected = withKernelMount(
      space,
      theirs,
      (folder) => {
        const at = `${folder}/shared`;
        const script = `echo -n x > ${at}/f; mkdir ${at}/d; echo -n x > ${at}/d/g; chmod 640 ${at}/d/g; mknod ${at}/null c 1 3`;
        execFileSync('bash', ['-ec', script]);
        return acl(folder);
      },
      false,
    );
    expect(withKernelMount(space, ours, acl)).toBe(expected);
    checkDisk(space, ours);
  });

  it('look at a tree as the kernel shows it', async () => {
    await using g = await GuestFS.open(disk, { readonly: true });
    await g.mountRoot();
    const shown = withKernelMount(space, disk, (folder) =>
      execFileSync('find', [folder, '-mindepth', '1', '-printf', '%P\n'], { encoding: 'utf8', env: { LC_ALL: 'C' } }),
    );
    const found = (await g.find('/')).filter((path) => !path.startsWith('boot/efi/'));
    expect(found).toEqual(shown.trimEnd().split('\n').sort());
    expect(await g.ls('/home')).toEqual(['abs', 'broken', 'link', 'user']);
    expect((await g.readdir('/home')).map((e) => `${e.name}:${e.ftyp}`).sort()).toEqual([
      '..:d',
      '.:d',
      'abs:l',
      'broken:l',
      'link:l',
      'user:d',
    ]);
    expect(await g.globExpand('/{etc,home}/[a-h]*')).toEqual([
      '/etc/debian_version',
      '/etc/fstab',
      '/etc/hostname',
      '/home/abs/',
      '/home/broken',
    ]);
    expect(await g.globExpand('/home/*', { directoryslash: false })).toEqual([
      '/home/abs',
      '/home/broken',
      '/home/link',
      '/home/user',
    ]);
    expect(await g.caseSensitivePath('/ETC/HostName')).toBe('/etc/hostname');
    expect(await g.caseSensitivePath('/ETC/none')).toBe('/etc/none');
    expect(await g.realpath('/home/abs/../home/./link')).toBe('/etc/hostname');
    expect(await g.readlinklist('/home', ['abs', 'user', 'none'])).toEqual(['/etc', '', '']);
    expect((await g.lstatnslist('/home', ['user', 'none'])).map((s) => s.st_ino > 0)).toEqual([true, false]);
    expect([
      await g.exists('/home/broken'),
      await g.isSymlink('/home/broken'),
      await g.isDir('/home/abs'),
      await g.isDir('/home/abs', { followsymlinks: true }),
    ]).toEqual([false, true, false, true]);
    expect(await g.readLines('/etc/fstab')).toHaveLength(2);
    expect(await g.equal('/etc/hostname', '/home/link')).toBe(true);
    expect(await g.ll('/home')).toMatch(/^total \d+\ndrwxr-xr-x +\d 0 0 +\d+ .* \.\n/);
  });

  it('stream to and from the host', async () => {
    await using g = await GuestFS.open(disk, { dryRun: true });
    await g.mountRoot();
    const list = space.path('list');
    await g.find0('/etc', list);
    expect(readFileSync(list, 'utf8').split('\0').sort()).toEqual([
      '',
      'debian_version',
      'fstab',
      'hostname',
      'os-release',
    ]);
    const chunks: Uint8Array[] = [];
    await g.ls0('/home', { write: (chunk) => void chunks.push(chunk) });
    expect(Buffer.concat(chunks).toString()).toBe('abs\0broken\0link\0user\0');
    await expect(g.find0('/none', space.path('not-made'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('tell the architecture of programs, modules and initrds', async () => {
    const initrd = space.path('initrd');
    const ls = execFileSync('bash', ['-c', 'readlink -f /bin/ls'], { encoding: 'utf8' }).trim();
    execFileSync('bash', [
      '-ec',
      `mkdir -p ${initrd}.d/bin; cp ${ls} ${initrd}.d/bin/ls; cd ${initrd}.d; find . | cpio -o -H newc --quiet | gzip > ${initrd}`,
    ]);
    await using g = await GuestFS.open(disk, { dryRun: true });
    await g.mountRoot();
    await g.write('/usr/bin/ls', readFileSync(ls));
    await g.write('/boot/initrd', readFileSync(initrd));
    await g.write('/boot/app.efi', peHeader(0xaa64));
    const expected = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as 'x64' | 'arm64'];
    expect(await g.fileArchitecture('/usr/bin/ls')).toBe(expected);
    expect(await g.fileArchitecture('/boot/initrd')).toBe(expected);
    expect(await g.fileArchitecture('/boot/app.efi')).toBe('aarch64');
  });

  it('mount a file system inside a file', async () => {
    const inner = space.path('inner.img');
    writeFileSync(inner, '');
    execFileSync('truncate', ['-s', '2M', inner]);
    execFileSync('mke2fs', ['-q', '-t', 'ext2', inner]);
    const outer = makeDisk(space, 'loop.raw');
    await GuestFS.with(outer, async (g) => {
      await g.mountRoot();
      await g.write('/inner.img', readFileSync(inner));
      await g.mkdir('/loop');
      await g.mountLoop('/inner.img', '/loop');
      await g.write('/loop/hello', 'from inside');
      expect(await g.ls('/loop')).toEqual(['hello', 'lost+found']);
      await expect(g.umount('/')).rejects.toMatchObject({ code: 'EBUSY' });
    });
    await using g = await GuestFS.open(outer, { readonly: true });
    await g.mountRoot();
    await g.mountLoop('/inner.img', '/loop');
    expect(await g.cat('/loop/hello')).toBe('from inside');
    checkDisk(space, outer);
  });
});

/** The smallest head of a PE image for a machine. */
function peHeader(machine: number): Uint8Array {
  const head = new Uint8Array(256);
  const view = new DataView(head.buffer);
  view.setUint16(0, 0x4d5a);
  view.setUint32(0x3c, 0x80, true);
  view.setUint32(0x80, 0x50450000);
  view.setUint16(0x84, machine, true);
  return head;
}

// Every file system that a kernel mounts, through the host's driver; checked afterwards by the tools of each.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pattern } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasVm, inVm } from './vm.js';
import { buildWorker } from './worker.js';

const LIMIT = 600;

interface Kind {
  readonly size: string;
  readonly make: readonly string[];
  /** Is content, and changes nothing. Undefined where there is no such tool. */
  readonly check?: readonly string[];
}
const KINDS: Readonly<Record<string, Kind>> = {
  ext2: { size: '16M', make: ['mkfs.ext2', '-q', '-F'], check: ['e2fsck', '-fn'] },
  ext3: { size: '16M', make: ['mkfs.ext3', '-q', '-F'], check: ['e2fsck', '-fn'] },
  ext4: { size: '16M', make: ['mkfs.ext4', '-q', '-F'], check: ['e2fsck', '-fn'] },
  xfs: { size: '320M', make: ['mkfs.xfs', '-q', '-f'], check: ['xfs_repair', '-n'] },
  btrfs: { size: '128M', make: ['mkfs.btrfs', '-q', '-f'], check: ['btrfs', 'check', '--readonly'] },
  f2fs: { size: '64M', make: ['mkfs.f2fs', '-q', '-f'], check: ['fsck.f2fs', '--dry-run'] },
  jfs: { size: '32M', make: ['mkfs.jfs', '-q', '-f'], check: ['fsck.jfs', '-n', '-f'] },
  nilfs2: { size: '128M', make: ['mkfs.nilfs2', '-q', '-f', '-B', '16'] },
  reiserfs: { size: '48M', make: ['mkfs.reiserfs', '-q', '-f'], check: ['reiserfsck', '--check', '-y', '-q'] },
  vfat: { size: '40M', make: ['mkfs.vfat', '-F', '32'], check: ['fsck.vfat', '-n'] },
  exfat: { size: '32M', make: ['mkfs.exfat'], check: ['fsck.exfat', '-n'] },
  ntfs: { size: '32M', make: ['mkfs.ntfs', '-q', '-f', '-F'], check: ['ntfsfix', '-n'] },
};
const NEEDS = Object.values(KINDS).flatMap(({ make, check }) => [make[0] as string, ...(check?.slice(0, 1) ?? [])]);

/** Only read through the host's driver; what is in them is put there before. */
const READ_ONLY = ['erofs', 'udf'];

/** What there is on a host: mounts, devices, processes that are not the kernel's, namespaces, files where such work could leave some. */
const STATE = [
  'cat /proc/self/mountinfo',
  'losetup -l',
  'grep -H . /sys/block/*/size',
  'ls -R /sys/fs/cgroup /run /dev',
  'ps -e -o args= --ppid 2 -p 2 --deselect',
  'lsns -n -o NS,TYPE',
].join('; ');

describe.runIf(hasVm('unshare', 'ntfs-3g', 'losetup', 'lsns', 'mkfs.erofs', 'mkfs.udf', ...new Set(NEEDS)))(
  'mounts of a kernel',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-mounts-'));
    const disks = join(folder, 'disks');
    let program = '';

    beforeAll(async () => {
      mkdirSync(disks);
      for (const [type, { size, make }] of Object.entries(KINDS)) {
        execFileSync('truncate', ['-s', size, join(disks, type)]);
        execFileSync(make[0] as string, [...make.slice(1), join(disks, type)], { stdio: 'pipe' });
      }
      mkdirSync(join(folder, 'tree'));
      writeFileSync(join(folder, 'tree/made'), pattern(300_000, 3));
      execFileSync('mkfs.erofs', ['--quiet', join(disks, 'erofs'), join(folder, 'tree')], { stdio: 'pipe' });
      execFileSync('truncate', ['-s', '16M', join(disks, 'udf')]);
      execFileSync('mkfs.udf', ['-b', '512', join(disks, 'udf')], { stdio: 'pipe' });
      program = await buildWorker('mounts-worker', folder);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it(
      'are written through the host, read back, and sound; the machine is as it was',
      async () => {
        const types = [...Object.keys(KINDS), ...READ_ONLY];
        const modules = types.filter((type) => type !== 'ntfs').concat('nls_cp437', 'nls_ascii', 'nls_utf8', 'fuse');
        const script = [
          `for m in ${modules.join(' ')}; do modprobe $m 2>/dev/null; done`,
          'mkdir -p /run/state /run/udf /run/tmp; export TMPDIR=/run/tmp; : > /run/state/before; : > /run/state/after',
          `mount -o loop ${disks}/udf /run/udf && cp ${folder}/tree/made /run/udf && umount /run/udf`,
          `state() { ${STATE}; }`,
          // The first run of a program may make folders of its own, such as a cache.
          `${process.execPath} ${program} ${disks} erofs > /dev/null`,
          'state > /run/state/before 2>&1',
          `${process.execPath} ${program} ${disks} ${types.join(' ')}`,
          'status=$?',
          'state > /run/state/after 2>&1',
          'diff /run/state/before /run/state/after >&2; exit $status',
        ].join('\n');
        const { status, stdout, stderr } = await inVm(script, { seconds: LIMIT, memory: 1024, shares: [disks] });
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
        const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, string>;
        const expected = Object.fromEntries(Object.keys(KINDS).map((type) => [type, `${type}, read back`]));
        expect(report).toEqual({ ...expected, erofs: 'read back', udf: 'read back' });
        for (const [type, { check }] of Object.entries(KINDS))
          if (check !== undefined)
            execFileSync(check[0] as string, [...check.slice(1), join(disks, type)], { stdio: 'pipe' });
      },
      (LIMIT + 60) * 1000,
    );
  },
);

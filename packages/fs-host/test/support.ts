import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type BlockDevice, FileDevice } from '@vmcraft/core';
import { NodeHostFiles } from '@vmcraft/core/runtime';

export const run = promisify(execFile);

/** What mounting by the host as root needs. */
export const ROOT_NEEDS = ['root', 'python3', 'unshare', 'qemu-storage-daemon', 'mkfs.xfs', 'mkfs.btrfs', 'mkfs.ext4'];

/** xfsprogs makes small file systems only for its own tests. */
const SMALL = { TEST_DIR: '1', TEST_DEV: '1', QA_CHECK_FS: '1' };

const MAKE: Readonly<Record<string, readonly string[]>> = {
  xfs: ['mkfs.xfs', '-q', '-f'],
  btrfs: ['mkfs.btrfs', '-q', '-f'],
  ext4: ['mkfs.ext4', '-q', '-F'],
};
const CHECK: Readonly<Record<string, readonly string[]>> = {
  xfs: ['xfs_repair', '-n'],
  btrfs: ['btrfs', 'check', '--readonly'],
  ext4: ['e2fsck', '-fn'],
};

/** An image in a folder of its own. */
export interface TestImage {
  readonly folder: string;
  readonly path: string;
  device(): Promise<BlockDevice>;
  /** What the file system's own checker says; fails unless it is content. */
  check(): Promise<void>;
  dispose(): Promise<void>;
}

/** A new file system of a type. */
export async function makeImage(type: string, megabytes: number, ...options: string[]): Promise<TestImage> {
  const folder = await mkdtemp(join(tmpdir(), 'vmcraft-fs-host-test-'));
  const path = join(folder, 'image');
  await writeFile(path, '');
  await truncate(path, megabytes * 1024 * 1024);
  const [program = '', ...words] = MAKE[type] ?? [];
  await run(program, [...words, ...options, path], { env: { ...process.env, ...SMALL } });
  return {
    folder,
    path,
    device: async () => new FileDevice(await new NodeHostFiles().open(path, { writable: true })),
    check: async () => {
      const [checker = '', ...how] = CHECK[type] ?? [];
      await run(checker, [...how, path]);
    },
    dispose: () => rm(folder, { recursive: true }),
  };
}

/** What of a process of ours is on this host: mounts, loop devices, processes, control groups and folders. */
export async function traces(pid = process.pid): Promise<readonly string[]> {
  const folder = `vmcraft-host-${pid}-`;
  const found = (await readdir(tmpdir())).filter((name) => name.startsWith(folder));
  const groups = await readdir('/sys/fs/cgroup', { recursive: true }).catch(() => []);
  const ours = groups.filter((path) => path.endsWith('/cgroup.procs') && path.includes(`/${folder}`));
  found.push(...ours.map((path) => `${basename(dirname(path))}, a control group`));
  const mounts = await readFile('/proc/mounts', 'utf8');
  found.push(...mounts.split('\n').filter((line) => line.includes(folder)));
  for (const name of await readdir('/sys/block')) {
    const backing = await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '');
    if (backing.includes(folder)) found.push(`${name} ${backing}`);
  }
  for (const other of await readdir('/proc')) {
    if (!/^\d+$/.test(other)) continue;
    const words = await readFile(`/proc/${other}/cmdline`, 'utf8').catch(() => '');
    if (words.includes(folder)) found.push(words.replaceAll('\0', ' '));
  }
  return found;
}

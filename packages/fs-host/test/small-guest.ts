import { copyFile, mkdir, mkdtemp, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeImage, ROOT_NEEDS, run, type TestImage } from './support.js';

/** What a guest with programs needs. */
export const GUEST_NEEDS = [...ROOT_NEEDS, 'busybox', 'perl', 'ldd', 'mknod'];

const APPLETS =
  'sh cat ls mount umount mknod id ps mkdir chmod ln sleep env hostname ip dd kill yes touch readlink echo head pwd ' +
  'unshare chroot cp rm true false grep stat wc sync find nc';

/** Host device whose number a hostile guest would use: that of the disk under the host's own root. */
async function hostDisk(): Promise<readonly [number, number]> {
  const { dev } = await stat('/');
  return [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
}

/**
 * A guest of busybox and perl, with every trap a hostile one might lay.
 * @param traps false for a guest whose /proc, /dev and /etc are what they should be
 * @param prepare puts more into it
 */
export async function smallGuest(traps: boolean, prepare?: (root: string) => Promise<void>): Promise<TestImage> {
  const root = await mkdtemp(join(tmpdir(), 'vmcraft-fs-host-root-'));
  for (const folder of ['bin', 'etc', 'dev', 'root', 'run', 'sys', 'tmp', 'usr/bin'])
    await mkdir(join(root, folder), { recursive: true });
  await copyProgram('/usr/bin/busybox', join(root, 'bin/busybox'), root);
  await copyProgram('/usr/bin/perl', join(root, 'usr/bin/perl'), root);
  for (const applet of APPLETS.split(' ')) await symlink('busybox', join(root, 'bin', applet));
  await writeFile(join(root, 'etc/hostname'), 'small\n');
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:the guest:/root:/bin/sh\n');
  if (traps) {
    const [major, minor] = await hostDisk();
    await run('mknod', [join(root, 'hostdisk'), 'b', String(major), String(minor)]);
    await run('mknod', [join(root, 'mem'), 'c', '1', '1']);
    await symlink('/etc/shadow', join(root, 'shadow'));
    await symlink('../../../../../../etc/passwd', join(root, 'up'));
    // A mount of /proc must not land on a folder that the guest chooses.
    await symlink('/etc', join(root, 'proc'));
  } else await mkdir(join(root, 'proc'));
  await prepare?.(root);
  const image = await makeImage('ext4', 64, '-d', root);
  await rm(root, { recursive: true });
  return image;
}

/** A program and the libraries that it loads. */
async function copyProgram(from: string, to: string, root: string): Promise<void> {
  await copyFile(from, to);
  const { stdout } = await run('ldd', [from]).catch(() => ({ stdout: '' }));
  for (const [library] of stdout.matchAll(/\/\S+/g)) {
    const target = join(root, library);
    await mkdir(dirname(target), { recursive: true });
    const link = await readlink(library).catch(() => undefined);
    await copyFile(link === undefined || link.startsWith('/') ? library : join(dirname(library), link), target);
  }
}

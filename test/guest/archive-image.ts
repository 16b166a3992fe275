import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GuestFS } from 'vmcraft';
import type { Workspace } from './image.js';

export const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 });

/** An ext4 file system on a whole disk, with the files of a host folder in it where one is given. */
export function makeExt(space: Workspace, name: string, tree?: string, size = 96 << 20): string {
  const disk = space.path(name);
  writeFileSync(disk, '');
  truncateSync(disk, size);
  run('mke2fs', '-q', '-F', '-t', 'ext4', ...(tree === undefined ? [] : ['-d', tree]), disk);
  return disk;
}

/** A FAT file system on a whole disk. */
export function makeFat(space: Workspace, name: string, size = 40 << 20): string {
  const disk = space.path(name);
  writeFileSync(disk, '');
  truncateSync(disk, size);
  run('mkfs.vfat', '-F', '32', disk);
  return disk;
}

/** Run `work` with a guest that has `/dev/sda` mounted; what it wrote is committed. */
export async function withGuest<T>(disk: string, work: (g: GuestFS) => Promise<T>, readonly = false): Promise<T> {
  const g = await GuestFS.open(disk, { format: 'raw', readonly });
  try {
    await g.mount('/dev/sda', '/');
    const result = await work(g);
    await g.close();
    return result;
  } catch (error) {
    await g.rollback().catch(() => undefined);
    throw error;
  }
}

/** Run `work` with the file system of a disk mounted by the kernel. */
export function withKernel<T>(space: Workspace, disk: string, work: (folder: string) => T, readonly = true): T {
  const folder = space.path('kernel');
  mkdirSync(folder, { recursive: true });
  run('mount', '-o', `loop${readonly ? ',ro' : ''}`, disk, folder);
  try {
    return work(folder);
  } finally {
    run('umount', folder);
  }
}

/** Attributes, access lists and capabilities of everything in a folder, as the tools of the kernel's own tell them. */
export function describeAttributes(folder: string): string[] {
  const shell = (script: string): string => run('sh', '-c', script, 'sh', folder);
  const paragraphs = [shell('cd "$1" && getfattr -h -R -d -m - -e hex .'), shell('cd "$1" && getfacl -R -n -p .')]
    .flatMap((text) => text.split('\n\n'))
    .filter((text) => text.trim() !== '' && !/# file: (\.|\.?\/?lost\+found)\n/.test(`${text}\n`));
  return [...paragraphs, ...shell('cd "$1" && getcap -r .').split('\n')].map((text) => text.trim()).sort();
}

/** Everything that stat(2) tells of a tree, with times. */
export function describeStats(folder: string): string[] {
  return run('find', folder, '-mindepth', '1', '-printf', '%P|%y|%m|%U:%G|%n|%l|%T@\\n')
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('lost+found'))
    .sort();
}

/** A folder with one of everything that a tree can have. */
export function makeTree(folder: string): void {
  mkdirSync(join(folder, 'deep/er'), { recursive: true });
  const sh = (script: string): string => run('sh', '-ec', `cd "$1"; ${script}`, 'sh', folder);
  writeFileSync(join(folder, 'plain.txt'), 'hello\n');
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, `${'long'.repeat(50)}.txt`), 'long name\n');
  mkdirSync(join(folder, 'd'.repeat(120), 'e'.repeat(120)), { recursive: true });
  writeFileSync(join(folder, 'd'.repeat(120), 'e'.repeat(120), 'f'.repeat(120)), 'deep name\n');
  writeFileSync(join(folder, 'deep/er/block.bin'), Buffer.alloc(300_000, 'abcdefg'));
  writeFileSync(join(folder, 'nämé ☃'), 'unicode\n');
  sh('printf x > "$(printf \'bad\\\\377name\')"');
  sh('ln plain.txt deep/hard; ln -s plain.txt soft; ln -s ../plain.txt deep/up; ln -s /etc/passwd absolute');
  sh(`ln -s ${'t'.repeat(150)} longlink; mkfifo pipe; mknod null c 1 3; mknod disk b 8 300`);
  sh('truncate -s 5000000 sparse; printf data | dd of=sparse bs=1 seek=2000000 conv=notrunc status=none');
  sh('chown 1000:1001 plain.txt; chown 3000000:4000000 empty; chmod 4755 deep/er/block.bin; chmod 1777 deep');
  sh('setfattr -n user.note -v "a=b" plain.txt; setfattr -n trusted.bin -v 0x00010a3dff plain.txt');
  sh('setfattr -n user.with=equals%25 -v x plain.txt; setfattr -n user.dir -v y deep');
  sh(
    'setfacl -m u:1000:rw,g:50:r empty; setfacl -d -m u:12:rx deep; setcap cap_net_raw,cap_chown=ep deep/er/block.bin',
  );
  sh('touch -h -d "2001-02-03 04:05:06.123456789" soft; touch -d "1965-01-01 00:00:00.5" empty');
  sh('touch -d "2020-05-05 05:05:05" deep');
}

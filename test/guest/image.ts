import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** First byte of the first partition, and of the second. */
export const ESP_START = 1 << 20;
const ESP_SIZE = 34 << 20;
export const ROOT_START = ESP_START + ESP_SIZE;
const ROOT_SIZE = 96 << 20;
const DISK_SIZE = ROOT_START + ROOT_SIZE + (1 << 20);

const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** A temporary folder that is gone when disposed. */
export class Workspace implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmcraft-guest-'));

  path(name: string): string {
    return join(this.folder, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A GPT disk with a FAT32 ESP and an ext4 root that looks like a small Debian. */
export function makeDisk(space: Workspace, name = 'disk.raw'): string {
  const disk = space.path(name);
  const tree = space.path(`${name}.tree`);
  for (const dir of ['etc', 'home/user', 'var/lib/dpkg', 'boot/efi', 'usr/bin'])
    mkdirSync(join(tree, dir), { recursive: true });
  writeFileSync(join(tree, 'etc/hostname'), 'guest1\n');
  writeFileSync(
    join(tree, 'etc/os-release'),
    'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  );
  writeFileSync(join(tree, 'etc/debian_version'), '12.5\n');
  writeFileSync(join(tree, 'etc/fstab'), 'LABEL=root / ext4 defaults 0 1\nLABEL=ESP /boot/efi vfat defaults 0 2\n');
  writeFileSync(
    join(tree, 'var/lib/dpkg/status'),
    'Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2+b2\nArchitecture: amd64\n\n',
  );
  symlinkSync('../etc/hostname', join(tree, 'home/link'));
  symlinkSync('/etc', join(tree, 'home/abs'));
  symlinkSync('/nowhere', join(tree, 'home/broken'));
  writeFileSync(disk, '');
  truncateSync(disk, DISK_SIZE);
  const mib = (bytes: number): string => `${bytes / (1 << 20)}M`;
  run(
    'sgdisk',
    `-n1:${mib(ESP_START)}:+${mib(ESP_SIZE)}`,
    '-t1:ef00',
    `-n2:${mib(ROOT_START)}:+${mib(ROOT_SIZE)}`,
    disk,
  );
  run('mkfs.vfat', '-F', '32', '-n', 'ESP', '--offset', String(ESP_START / 512), disk, String(ESP_SIZE / 1024));
  run(
    'mke2fs',
    '-q',
    '-t',
    'ext4',
    '-L',
    'root',
    '-d',
    tree,
    '-E',
    `offset=${ROOT_START}`,
    disk,
    `${ROOT_SIZE / 1024}k`,
  );
  rmSync(tree, { recursive: true });
  return disk;
}

/** What e2fsck and fsck.fat say of both partitions of a raw disk; they throw when something is wrong. */
export function checkDisk(space: Workspace, disk: string): void {
  const root = space.path('check-root.img');
  const esp = space.path('check-esp.img');
  const part = (to: string, start: number, size: number): void => {
    run(
      'dd',
      `if=${disk}`,
      `of=${to}`,
      'bs=1M',
      `skip=${start}`,
      `count=${size}`,
      'iflag=skip_bytes,count_bytes',
      'status=none',
    );
  };
  part(root, ROOT_START, ROOT_SIZE);
  part(esp, ESP_START, ESP_SIZE);
  run('e2fsck', '-fn', root);
  run('fsck.fat', '-n', esp);
  rmSync(root);
  rmSync(esp);
}

/** Run `work` with the root partition of a raw disk mounted by the kernel. */
export function withKernelMount<T>(space: Workspace, disk: string, work: (folder: string) => T, readonly = true): T {
  const folder = space.path('mnt');
  mkdirSync(folder, { recursive: true });
  run('mount', '-o', `loop,offset=${ROOT_START},sizelimit=${ROOT_SIZE}${readonly ? ',ro' : ''}`, disk, folder);
  try {
    return work(folder);
  } finally {
    run('umount', folder);
  }
}

/** Every object of a tree as the kernel shows it: path, type, mode, owner, size, link count, target and a checksum. */
export function describeTree(folder: string): string[] {
  const list = run('find', folder, '-mindepth', '1', '-printf', '%P|%y|%m|%U:%G|%n|%l|%s\\n');
  return list
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('lost+found'))
    .map((line) => {
      const [path, type] = line.split('|');
      const isDirectory = type === 'd';
      // The size of a directory is the file system's own business.
      const shown = isDirectory ? line.replace(/\|\d+$/, '') : line;
      return type === 'f' ? `${shown}|${sum(join(folder, path!))}` : shown;
    })
    .sort();
}

function sum(path: string): string {
  let total = 0;
  for (const byte of readFileSync(path)) total = (total * 31 + byte) >>> 0;
  return String(total);
}

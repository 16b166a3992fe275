import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileDevice } from '@vmcraft/core/block';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { type FileSystem, type FsNode, S_IFDIR, S_IFMT, supports } from '@vmcraft/core/contracts';
import { NodeHostFiles } from '@vmcraft/core/runtime';

/** What mounting a Btrfs by the kernel needs. */
export const BTRFS_TOOLS = ['mkfs.btrfs', 'btrfs', 'losetup', 'mount', 'root', 'setfattr', 'setfacl'];

/** A folder that is removed at the end. */
export function scratch(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-btrfs-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Make a Btrfs over `count` sparse images of `size`. */
export function makeBtrfs(folder: string, options: readonly string[], count = 1, size = '128M'): string[] {
  const stem = join(folder, `btrfs-${process.hrtime.bigint()}`);
  const images = Array.from({ length: count }, (_, i) => `${stem}-${i}`);
  for (const image of images) execFileSync('truncate', ['-s', size, image]);
  execFileSync('mkfs.btrfs', ['-q', '-f', ...options, ...images], { stdio: 'pipe' });
  return images;
}

/** Run `work` while the kernel has the file system over these images mounted. */
export function withMount(
  images: readonly string[],
  folder: string,
  options: string,
  work: (mount: string) => void,
): void {
  const mount = join(folder, 'mount');
  mkdirSync(mount, { recursive: true });
  const loops = images.map((image) => execFileSync('losetup', ['-f', '--show', image], { encoding: 'utf8' }).trim());
  try {
    execFileSync('btrfs', ['device', 'scan', ...loops], { stdio: 'pipe' });
    const devices = loops.map((loop) => `device=${loop}`).join(',');
    execFileSync('mount', [
      '-t',
      'btrfs',
      '-o',
      [devices, options].filter((o) => o !== '').join(','),
      loops[0]!,
      mount,
    ]);
    try {
      work(mount);
    } finally {
      execFileSync('umount', [mount]);
    }
  } finally {
    for (const loop of loops) {
      // Where another mount namespace was made meanwhile, it holds the device for longer: it is not forgotten then, and goes with it.
      spawnSync('btrfs', ['device', 'scan', '--forget', loop]);
      execFileSync('losetup', ['-d', loop]);
    }
  }
}

/** Open images of the host as devices. */
export async function openDevices(images: readonly string[]): Promise<BlockDevice[]> {
  const files = new NodeHostFiles();
  return Promise.all(images.map(async (image) => new FileDevice(await files.open(image, { writable: false }))));
}

/** A tree that touches every form of item. */
export const FILL = `
set -e
mkdir -p deep/er/still many empty
echo hello > deep/er/still/file
seq -f 'many/a rather long name in a large directory, number %g' 3000 | xargs -d '\\n' touch
seq 60000 > text
head -c 1500 /dev/zero | tr '\\0' 'i' > inline
dd if=/dev/urandom of=random bs=64k count=24 status=none
dd if=/dev/zero of=zeros bs=64k count=16 status=none
yes 'the same line again and again' | head -c 1500001 > packs
fallocate -l 1M prealloc; printf end >> prealloc
truncate -s 3M holes; printf middle | dd of=holes bs=1 seek=1500000 conv=notrunc status=none
for i in $(seq 0 60); do printf "piece $i" | dd of=pieces bs=1 seek=$((i * 12288)) conv=notrunc status=none; done
ln -s ../deep link; ln -s "/$(printf 'l%.0s' $(seq 1000))" long-link
ln random hard
for i in $(seq 300); do ln text "many/another name of the same file, which is number $i"; done
mknod disk b 8 300; mknod null c 1 3; mkfifo pipe
chown 100000:33 text; chmod 6755 text
setfattr -n user.small -v value text
setfattr -n trusted.other -v "$(printf 't%.0s' $(seq 300))" text
for i in $(seq 40); do setfattr -n "user.attribute number $i" -v "$(printf 'v%.0s' $(seq $((i * 9))))" random; done
setfattr -n security.capability -v 0sAQAAAgAgAAAAAAAAAAAAAAAAAAA= holes
setfacl -m u:1000:rw,g:33:r text; setfacl -d -m u:1000:rwx deep
touch -h -d '1935-02-03T04:05:06.789Z' link; touch -d '2020-02-29T12:34:56.123456789Z' text
touch -d '2500-01-01' random
btrfs subvolume create sub > /dev/null; echo inside > sub/file; mkdir sub/dir
btrfs subvolume create sub/dir/inner > /dev/null; cp random sub/dir/inner/copy
btrfs subvolume snapshot -r sub snap > /dev/null
cp --reflink=always random cloned; printf changed | dd of=cloned bs=1 seek=300000 conv=notrunc status=none
`;

/** Fill the tree at `mount`. */
export function fill(mount: string): void {
  execFileSync('sh', ['-c', FILL], { cwd: mount, stdio: 'pipe' });
}

/** Attributes of every object as the driver tells them, each `path name=hex`. */
export async function attributesOf(fs: FileSystem): Promise<string[]> {
  const lines: string[] = [];
  if (!supports(fs, 'xattr')) return lines;
  const look = async (node: FsNode, path: string): Promise<void> => {
    for (const name of await fs.listXattr(node)) {
      lines.push(`${path} ${name}=${Buffer.from((await fs.getXattr(node, name))!).toString('hex')}`);
    }
    if (((await fs.stat(node)).mode & S_IFMT) !== S_IFDIR) return;
    for await (const entry of fs.readdir(node))
      await look(entry.node, path === '/.' ? `/${entry.name}` : `${path}/${entry.name}`);
  };
  await look(fs.root, '/.');
  return lines.sort();
}

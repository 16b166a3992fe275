import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FileSystem, type FsNode, S_IFDIR, S_IFMT, supports } from '@vmcraft/core/contracts';

/** What mounting an XFS by the kernel needs. */
export const XFS_TOOLS = ['mkfs.xfs', 'losetup', 'mount', 'root'];

/** A folder that is removed at the end. */
export function scratch(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-xfs-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Make an XFS of `size` and let `fill` work on it while the kernel has it mounted. */
export function makeXfs(
  folder: string,
  options: readonly string[],
  size: string,
  fill: (mount: string) => void,
): string {
  const image = join(folder, `xfs-${process.hrtime.bigint()}`);
  execFileSync('truncate', ['-s', size, image]);
  execFileSync('mkfs.xfs', ['-q', '-f', ...options, image], { stdio: 'pipe' });
  withMount(image, folder, fill);
  return image;
}

/** Run `work` while the kernel has the image mounted. */
export function withMount(image: string, folder: string, work: (mount: string) => void, flags = 'loop'): void {
  const mount = join(folder, 'mount');
  mkdirSync(mount, { recursive: true });
  execFileSync('mount', ['-t', 'xfs', '-o', flags, image, mount]);
  try {
    work(mount);
  } finally {
    execFileSync('umount', [mount]);
  }
}

/** A tree that touches every form of directory, attribute, link and extent list. */
export const FILL = `
set -e
mkdir -p short/deep/er block leaf node empty
echo hello > short/deep/er/file
for i in $(seq 40); do echo $i > "block/name $i"; done
for i in $(seq 400); do : > "leaf/a name of middling length $i"; done
seq -f 'node/a rather long name in a large directory, number %g' 6000 | xargs -d '\\n' touch
seq -f 'node/a rather long name in a large directory, number %g' 1 7 6000 | xargs -d '\\n' rm
seq 200000 > text
dd if=/dev/urandom of=random bs=1M count=3 status=none
fallocate -l 1M unwritten; printf end >> unwritten
ln -s ../short 'link'; ln -s "/$(printf 'l%.0s' $(seq 900))" long-link
ln random hard
mknod disk b 8 300; mknod null c 1 3; mkfifo pipe
chown 100000:33 text; chmod 6755 text
setfattr -n user.small -v value text
setfattr -n trusted.other -v "$(printf 't%.0s' $(seq 300))" text
for i in $(seq 60); do setfattr -n "user.attribute number $i" -v "$(printf 'v%.0s' $(seq $((i * 9))))" random; done
setfattr -n user.remote -v "$(printf 'r%.0s' $(seq 30000))" random
setfattr -n user.one -v 1 holes; setfattr -n security.capability -v 0sAQAAAgAgAAAAAAAAAAAAAAAAAAA= holes
setfacl -m u:1000:rw,g:33:r text; setfacl -d -m u:1000:rwx short
touch -h -d '1935-02-03T04:05:06.789Z' link; touch -d '2020-02-29T12:34:56.123456789Z' text
touch -d "\${LATE:-2020-01-01}" random
`;

/** Fill the tree at `mount`. */
export function fill(mount: string, late = '2020-01-01'): void {
  for (const [name, step, size] of [
    ['holes', 3, 5 << 20],
    ['fragments', 2, 8 << 20],
  ] as const) {
    const file = openSync(join(mount, name), 'w');
    ftruncateSync(file, size);
    for (let at = 0; at < size; at += step * 4096) writeSync(file, `data ${at}`, at);
    closeSync(file);
  }
  execFileSync('sh', ['-c', FILL], { cwd: mount, env: { ...process.env, LATE: late }, stdio: 'pipe' });
}

/** Attributes of every object as getfattr shows them, each `path name=hex`. */
export function hostAttributes(mount: string): string[] {
  const dump = execFileSync('getfattr', ['-R', '-h', '-d', '-m', '-', '-e', 'hex', '.'], {
    cwd: mount,
    encoding: 'utf8',
  });
  const lines: string[] = [];
  for (const block of dump.split('\n\n')) {
    const path = /^# file: (.*)$/m.exec(block)?.[1];
    for (const [, name, value] of block.matchAll(/^([^#\n=]+)=0x(.*)$/gm)) lines.push(`/${path} ${name}=${value}`);
  }
  return lines.sort();
}

/** Attributes of every object as the driver tells them, in the same form. */
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

/** Bytes of an image, and the image out of the way. */
export function take(image: string): Uint8Array {
  const data = readFileSync(image);
  rmSync(image);
  return new Uint8Array(data);
}

/** An XFS of version 4, which this kernel may not mount, made by mkfs.xfs from a tree of plain names (mkfs.xfs(8), "protofile"). */
export function makeVersion4(folder: string, options: readonly string[], tree: string): string {
  const image = join(folder, `xfs-${process.hrtime.bigint()}`);
  const lines = ['/', '0 0', 'd--755 0 0'];
  const add = (dir: string): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) {
        lines.push(`${entry.name} d--755 0 0`);
        add(path);
        lines.push('$');
      } else if (entry.isSymbolicLink()) lines.push(`${entry.name} l--777 0 0 ${readlinkSync(path)}`);
      else lines.push(`${entry.name} ---644 0 0 ${path}`);
    }
  };
  add(tree);
  const proto = join(folder, 'proto');
  writeFileSync(proto, `${lines.join('\n')}\n$\n`);
  execFileSync('truncate', ['-s', '320M', image]);
  execFileSync('mkfs.xfs', ['-q', '-f', '-m', 'crc=0', ...options, '-p', proto, image], { stdio: 'pipe' });
  return image;
}

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { FileSystem, FsNode } from '@vmcraft/core/contracts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '@vmcraft/core/contracts';
import { pattern } from '@vmcraft/testkit';

/** What making the discs needs. */
export const DISC_TOOLS = ['xorriso', 'genisoimage', 'root'];

/** A tree with what the formats treat differently: depth, long and foreign names, links, devices, owners. */
export function makeTree(folder: string): string {
  const tree = join(folder, 'tree');
  const deep = join(tree, 'a/b/c/d/e/f/g/h/i/deep');
  mkdirSync(deep, { recursive: true });
  mkdirSync(join(tree, 'many'));
  writeFileSync(join(deep, 'file'), 'deep\n');
  writeFileSync(join(tree, 'random'), pattern(300_001));
  writeFileSync(join(tree, 'text'), 'all work and no play makes a dull disc\n'.repeat(9000));
  writeFileSync(join(tree, 'holes'), Buffer.alloc(500_000));
  writeFileSync(join(tree, 'UPPER and Ünïcode ☃'), '');
  for (let i = 0; i < 300; i++) writeFileSync(join(tree, 'many', `a fairly long name ${i}.text`), `${i}\n`);
  symlinkSync('../a/b', join(tree, 'relative link'));
  symlinkSync(`/very/./../${'x'.repeat(220)}/${'y'.repeat(220)}`, join(tree, 'long link'));
  linkSync(join(tree, 'random'), join(tree, 'second name'));
  execFileSync('mknod', [join(tree, 'disk'), 'b', '8', '3']);
  execFileSync('mknod', [join(tree, 'null'), 'c', '1', '3']);
  execFileSync('mkfifo', [join(tree, 'pipe')]);
  chownSync(join(tree, 'text'), 1000, 100);
  chmodSync(join(tree, 'text'), 0o4755);
  execFileSync('find', [tree, '-exec', 'touch', '-h', '-d', '2020-02-29T12:34:56Z', '{}', '+']);
  return tree;
}

/** One line for each object: path, type and permissions, owner, time, and contents, target or device. */
export async function listOurs(fs: FileSystem, attributes: boolean): Promise<string[]> {
  const lines: string[] = [];
  const walk = async (dir: FsNode, prefix: string): Promise<void> => {
    for await (const { name, node } of fs.readdir(dir)) {
      const path = `${prefix}/${name}`;
      const { mode, uid, gid, mtime, size, rdev } = await fs.stat(node);
      const kind = mode & S_IFMT;
      const what =
        kind === S_IFREG
          ? `${size} ${sha256(await fs.read(node, 0, size))}`
          : kind === S_IFLNK
            ? await fs.readlink(node)
            : kind === S_IFBLK || kind === S_IFCHR
              ? `${rdev.major}:${rdev.minor}`
              : '';
      lines.push(line(path, attributes ? `${mode.toString(8)} ${uid}:${gid} ${mtime.sec}` : '', what));
      if (kind === S_IFDIR) await walk(node, path);
    }
  };
  await walk(fs.root, '');
  return lines.sort();
}

/** The same of a folder of the host. */
export function listHost(folder: string, attributes: boolean): string[] {
  const lines: string[] = [];
  const walk = (dir: string, prefix: string): void => {
    for (const name of readdirSync(dir)) {
      const path = `${prefix}/${name}`;
      const host = join(dir, name);
      const stat = lstatSync(host);
      const what = stat.isFile()
        ? `${stat.size} ${sha256(readFileSync(host))}`
        : stat.isSymbolicLink()
          ? readlinkSync(host)
          : stat.isBlockDevice() || stat.isCharacterDevice()
            ? `${stat.rdev >> 8}:${stat.rdev & 0xff}`
            : '';
      const facts = `${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${Math.floor(stat.mtimeMs / 1000)}`;
      lines.push(line(path, attributes ? facts : '', what));
      if (stat.isDirectory()) walk(host, path);
    }
  };
  walk(folder, '');
  return lines.sort();
}

const line = (...parts: string[]): string => parts.filter((part) => part !== '').join(' ');
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { findTool } from '@vmcraft/testkit';

/** What a file of a guest is made as: text, or a link. */
export type TreeEntry = string | { readonly link: string };

/** Make an ext2 image with these files; damage it with commands of debugfs, and by replacing bytes anywhere in it. */
export function makeImage(
  path: string,
  tree: Readonly<Record<string, TreeEntry>>,
  damage: { readonly debugfs?: readonly string[]; readonly bytes?: Readonly<Record<string, string>> } = {},
): void {
  const folder = `${path}.tree`;
  mkdirSync(folder);
  for (const [name, entry] of Object.entries(tree)) {
    const at = join(folder, name);
    mkdirSync(dirname(at), { recursive: true });
    if (typeof entry === 'string') writeFileSync(at, entry);
    else symlinkSync(entry.link, at);
  }
  writeFileSync(path, '');
  truncateSync(path, 8 << 20);
  const format = ['-q', '-F', '-t', 'ext2', '-O', '^dir_index,^metadata_csum', '-L', 'root', '-d', folder, path];
  execFileSync(findTool('mke2fs') as string, format, { stdio: 'ignore' });
  for (const command of damage.debugfs ?? []) {
    execFileSync(findTool('debugfs') as string, ['-w', '-R', command, path], { stdio: 'ignore' });
  }
  if (damage.bytes !== undefined) writeFileSync(path, replaced(readFileSync(path), damage.bytes));
}

function replaced(data: Buffer, bytes: Readonly<Record<string, string>>): Buffer {
  for (const [from, to] of Object.entries(bytes)) {
    if (from.length !== to.length) throw new Error(`${from} and ${to} differ in length`);
    const needle = Buffer.from(from, 'latin1');
    let found = 0;
    for (let at = data.indexOf(needle); at >= 0; at = data.indexOf(needle, at + 1), found++)
      data.write(to, at, 'latin1');
    if (found === 0) throw new Error(`no '${from}' in the image`);
  }
  return data;
}

/** Everything below a folder of the host, links not followed: type, permissions, owner, time, content. */
export function snapshotOf(folder: string): string[] {
  const lines: string[] = [];
  const visit = (path: string): void => {
    const stat = lstatSync(path, { bigint: true });
    const content = stat.isSymbolicLink() ? readlinkSync(path) : stat.isFile() ? digest(path) : '';
    lines.push([path, stat.mode.toString(8), stat.uid, stat.gid, stat.nlink, stat.mtimeNs, content].join(' '));
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
  };
  visit(folder);
  return lines;
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

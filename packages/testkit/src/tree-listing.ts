import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type FileSystem, type FsNode, S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '@vmcraft/core';

/** What a listing tells besides path, type, contents and target. */
export interface ListingOptions {
  /** Permissions, owner and time of modification; true unless given. */
  readonly attributes?: boolean;
  /** Number of links of what is no directory. */
  readonly links?: boolean;
}

const DEVICES: readonly number[] = [S_IFBLK, S_IFCHR];

/**
 * One line for each object below the root of an opened file system, sorted: to be compared with {@link listHostTree} of what a driver of
 * the kernel shows, or of the tree that an image was made from.
 */
export async function listTree(fs: FileSystem, options: ListingOptions = {}): Promise<string[]> {
  const lines: string[] = [];
  const walk = async (dir: FsNode, prefix: string): Promise<void> => {
    for await (const { name, node } of fs.readdir(dir)) {
      const { mode, uid, gid, mtime, size, rdev, nlink } = await fs.stat(node);
      const kind = mode & S_IFMT;
      const what =
        kind === S_IFREG ? sha256(await fs.read(node, 0, size)) : kind === S_IFLNK ? await fs.readlink(node) : '';
      const facts = { path: `${prefix}/${name}`, mode, uid, gid, seconds: mtime.sec, rdev, links: nlink, size, what };
      lines.push(line(facts, options));
      if (kind === S_IFDIR) await walk(node, facts.path);
    }
  };
  await walk(fs.root, '');
  return lines.sort();
}

/** The same of a folder of the host. */
export function listHostTree(folder: string, options: ListingOptions = {}): string[] {
  const lines: string[] = [];
  const walk = (dir: string, prefix: string): void => {
    for (const name of readdirSync(dir)) {
      const path = join(dir, name);
      const { mode, uid, gid, mtimeMs, size, rdev, nlink } = lstatSync(path);
      const kind = mode & S_IFMT;
      const what = kind === S_IFREG ? sha256(readFileSync(path)) : kind === S_IFLNK ? readlinkSync(path) : '';
      // Linux' own form of a device number.
      const device = { major: (rdev >> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >> 12) & 0xfff00) };
      const facts = { mode, uid, gid, seconds: Math.floor(mtimeMs / 1000), rdev: device, links: nlink, size, what };
      lines.push(line({ ...facts, path: `${prefix}/${name}` }, options));
      if (kind === S_IFDIR) walk(path, `${prefix}/${name}`);
    }
  };
  walk(folder, '');
  return lines.sort();
}

interface Facts {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly seconds: number;
  readonly rdev: { readonly major: number; readonly minor: number };
  readonly links: number;
  readonly size: number;
  readonly what: string;
}

function line(facts: Facts, { attributes = true, links = false }: ListingOptions): string {
  const kind = facts.mode & S_IFMT;
  const parts = [facts.path, (attributes ? facts.mode : kind).toString(8)];
  if (attributes) parts.push(`${facts.uid}:${facts.gid}`, String(facts.seconds));
  if (links && kind !== S_IFDIR) parts.push(`links=${facts.links}`);
  if (DEVICES.includes(kind)) parts.push(`${facts.rdev.major}:${facts.rdev.minor}`);
  if (kind === S_IFREG) parts.push(String(facts.size));
  if (facts.what !== '') parts.push(facts.what);
  return parts.join(' ');
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

import { createHash } from 'node:crypto';
import {
  type FileSystem,
  type FsNode,
  type FsStat,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  supports,
  type Timestamp,
} from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';

/** What is compared of one object. Times are nanoseconds since the epoch, in decimal. */
export interface TreeEntry {
  readonly path: string;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly size: number;
  /** Units of 512 bytes. */
  readonly blocks: number;
  readonly atime: string;
  readonly mtime: string;
  readonly ctime: string;
  /** SHA-256 of a regular file. */
  readonly digest?: string;
  readonly target?: string;
  readonly rdev?: readonly [number, number];
  /** Values in hexadecimal, by name. */
  readonly xattrs: Readonly<Record<string, string>>;
}

const CHUNK = 1 << 20;
const nanoseconds = (t: Timestamp): string => (BigInt(t.sec) * 1_000_000_000n + BigInt(t.nsec)).toString();

async function digestOf(fs: FileSystem, node: FsNode, size: number): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < size; at += CHUNK) hash.update(await fs.read(node, at, CHUNK));
  return hash.digest('hex');
}

async function xattrsOf(fs: FileSystem, node: FsNode, system: readonly string[]): Promise<Record<string, string>> {
  if (!supports(fs, 'xattr')) return {};
  const values: Record<string, string> = {};
  for (const name of [...(await fs.listXattr(node)), ...system]) {
    const value = await fs.getXattr(node, name).catch((error: unknown) => {
      if (error instanceof FsError) return undefined;
      throw error;
    });
    if (value !== undefined) values[name] = Buffer.from(value).toString('hex');
  }
  return values;
}

async function entryOf(
  fs: FileSystem,
  path: string,
  node: FsNode,
  stat: FsStat,
  system: readonly string[],
): Promise<TreeEntry> {
  const type = stat.mode & S_IFMT;
  const isDevice = type !== S_IFDIR && type !== S_IFREG && type !== S_IFLNK;
  return {
    path,
    ino: stat.ino,
    mode: stat.mode,
    nlink: stat.nlink,
    size: stat.size,
    blocks: stat.blocks,
    atime: nanoseconds(stat.atime),
    mtime: nanoseconds(stat.mtime),
    ctime: nanoseconds(stat.ctime),
    ...(type === S_IFREG ? { digest: await digestOf(fs, node, stat.size) } : {}),
    ...(type === S_IFLNK ? { target: await fs.readlink(node) } : {}),
    ...(isDevice ? { rdev: [stat.rdev.major, stat.rdev.minor] as const } : {}),
    xattrs: await xattrsOf(fs, node, system),
  };
}

/** Everything in a file system as our engine reads it; `system` names further extended attributes to read of every file. */
export async function treeOf(fs: FileSystem, ...system: readonly string[]): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const walk = async (path: string, node: FsNode): Promise<void> => {
    const stat = await fs.stat(node);
    entries.push(await entryOf(fs, path, node, stat, system));
    if ((stat.mode & S_IFMT) !== S_IFDIR) return;
    for await (const { name, node: child } of fs.readdir(node))
      await walk(path === '' ? name : `${path}/${name}`, child);
  };
  await walk('', fs.root);
  return entries;
}

/** What two trees may differ in: fields that are not compared, of all entries or by path. */
export interface Leniency {
  readonly fields?: readonly (keyof TreeEntry)[];
  readonly skip?: (path: string) => boolean;
}

/** The differences of two trees in words, at most `limit`. */
export function describeDifferences(
  ours: readonly TreeEntry[],
  theirs: readonly TreeEntry[],
  { fields = [], skip = () => false }: Leniency = {},
  limit = 10,
): string[] {
  const index = (tree: readonly TreeEntry[]): Map<string, Record<string, unknown>> => {
    const kept = tree.filter(({ path }) => !skip(path));
    return new Map(
      kept.map(({ xattrs, ...entry }) => {
        const named = Object.entries(xattrs).map(([name, value]) => [`xattr ${name}`, value] as const);
        const plain = Object.entries(entry).filter(([key]) => !fields.some((f) => f === key));
        return [entry.path, Object.fromEntries([...plain, ...(fields.includes('xattrs') ? [] : named)])];
      }),
    );
  };
  const a = index(ours);
  const b = index(theirs);
  const out: string[] = [];
  for (const path of new Set([...a.keys(), ...b.keys()])) {
    const [left, right] = [a.get(path), b.get(path)];
    if (left === undefined || right === undefined) out.push(`${path}: only ${left === undefined ? 'theirs' : 'ours'}`);
    else {
      for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
        const [x, y] = [sorted(left[key]), sorted(right[key])];
        if (x !== y) out.push(`${path}: ${key} is ${x.slice(0, 600)}, theirs ${y.slice(0, 600)}`);
      }
    }
    if (out.length >= limit) return out;
  }
  return out;
}

function sorted(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return JSON.stringify(value) ?? 'missing';
  return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
}

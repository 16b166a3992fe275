import {
  type FileType,
  type IoOptions,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_IFSOCK,
} from '../contracts/index.js';
import { CorruptImageError, LimitExceededError } from '../errors/index.js';
import { Location } from './location.js';
import type { Vfs } from './vfs.js';

/** Directories inside each other; deeper trees cannot be named by a path of Linux anyway. */
const MAX_DEPTH = 2048;

/** Mode bits of the types that directories record. */
const TYPE_BITS: Partial<Record<FileType, number>> = {
  b: S_IFBLK,
  c: S_IFCHR,
  d: S_IFDIR,
  f: S_IFIFO,
  l: S_IFLNK,
  r: S_IFREG,
  s: S_IFSOCK,
};

/** What a walk finds. */
export interface TreeEntry {
  readonly location: Location;
  /** Path below the start, without a leading slash. */
  readonly relative: string;
  /** Type as the directory has it, `u` when it does not say. */
  readonly type: FileType;
}

/** How to walk. */
export interface TreeWalkOptions extends IoOptions {
  /** Stay on the file system of the start. */
  readonly oneFileSystem?: boolean;
  /** Names of each directory in order of their bytes; otherwise in the directory's own order. */
  readonly sorted?: boolean;
  /** Directories after what is in them, for removal. */
  readonly depthFirst?: boolean;
  /** Do not go into directories for which this is true. */
  readonly prune?: (entry: TreeEntry) => boolean;
}

/** A directory being walked. */
interface Frame {
  readonly dir: Location;
  /** Relative path of the directory with a slash at the end; empty at the start. */
  readonly prefix: string;
  readonly entries: AsyncIterator<TreeEntry> | Iterator<TreeEntry>;
  /** The directory's own entry, given after what is in it. */
  readonly after?: TreeEntry | undefined;
}

/** Everything below a directory, which itself is not listed. Links are not followed; mounts are entered. */
export async function* walkTree(vfs: Vfs, start: Location, options: TreeWalkOptions = {}): AsyncGenerator<TreeEntry> {
  const stack: Frame[] = [{ dir: start, prefix: '', entries: await entriesOf(vfs, start, '', options) }];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const next = await frame.entries.next();
    if (next.done === true) {
      stack.pop();
      if (frame.after !== undefined) yield frame.after;
      continue;
    }
    const entry = next.value;
    // Most entries are files, and say so: no need to wait for them.
    const mayEnter = entry.type === 'd' || entry.type === 'u';
    const enters = mayEnter && (await isEntered(entry, frame.dir, options));
    if (!enters || options.depthFirst !== true) yield entry;
    if (!enters) continue;
    if (stack.length > MAX_DEPTH) {
      throw new LimitExceededError({ limit: 'directory depth', value: stack.length, max: MAX_DEPTH });
    }
    rejectCycle(entry.location);
    const prefix = `${entry.relative}/`;
    const entries = await entriesOf(vfs, entry.location, prefix, options);
    stack.push({ dir: entry.location, prefix, entries, after: options.depthFirst === true ? entry : undefined });
  }
}

async function isEntered(entry: TreeEntry, dir: Location, options: TreeWalkOptions): Promise<boolean> {
  const isDirectory = entry.type === 'd' || (entry.type === 'u' && (await entry.location.isDirectory()));
  if (!isDirectory || options.prune?.(entry) === true) return false;
  return options.oneFileSystem !== true || entry.location.mount === dir.mount;
}

/** Entries of one directory; all at once where they are sorted, or removed while walking. */
async function entriesOf(
  vfs: Vfs,
  dir: Location,
  prefix: string,
  options: TreeWalkOptions,
): Promise<AsyncIterator<TreeEntry> | Iterator<TreeEntry>> {
  const stream = readEntries(vfs, dir, prefix, options);
  if (options.sorted !== true && options.depthFirst !== true) return stream;
  const entries: TreeEntry[] = [];
  for await (const entry of stream) entries.push(entry);
  if (options.sorted === true) entries.sort((a, b) => (a.relative < b.relative ? -1 : 1));
  return entries[Symbol.iterator]();
}

async function* readEntries(
  vfs: Vfs,
  dir: Location,
  prefix: string,
  options: IoOptions,
): AsyncGenerator<TreeEntry, undefined> {
  for await (const { name, node, type } of dir.mount.fs.readdir(dir.node, options)) {
    const location = vfs.enter(new Location(dir.mount, node, dir, name, TYPE_BITS[type]));
    yield { location, relative: prefix + name, type };
  }
}

/** A directory inside itself is corruption: hard links to directories do not exist. */
function rejectCycle(dir: Location): void {
  for (let at = dir.parent; at !== undefined; at = at.parent) {
    if (!at.isSame(dir)) continue;
    throw new CorruptImageError({
      structure: 'directory',
      reason: `'${dir.path}' contains itself (inode ${dir.node.ino})`,
    });
  }
}

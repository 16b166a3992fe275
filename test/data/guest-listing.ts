import { createHash } from 'node:crypto';
import type { GuestFS } from 'vmcraft';
import type { ListedFile } from './shared-data.js';

/** Types of files as `find -printf %y` names them, by the upper bits of the mode. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [0o040000, 'd'],
  [0o100000, 'f'],
  [0o120000, 'l'],
  [0o020000, 'c'],
  [0o060000, 'b'],
  [0o010000, 'p'],
  [0o140000, 's'],
]);

/** Every file below the root of what is mounted, as far as it is asked for: `facts` has the fields that another tool listed. */
export async function listGuest(g: GuestFS, facts: ReadonlyMap<string, ListedFile>): Promise<ListedFile[]> {
  const listed: ListedFile[] = [];
  for (const [directory, names] of byDirectory(await g.find('/'))) {
    const stats = await g.lstatnslist(directory, names);
    for (const [i, name] of names.entries()) {
      const path = `${directory === '/' ? '' : directory}/${name}`;
      const wanted = facts.get(path.slice(1));
      const stat = stats[i] as NonNullable<(typeof stats)[number]>;
      const mode = Number(stat.st_mode);
      const all = {
        path: path.slice(1),
        type: TYPES.get(mode & 0o170000) ?? '?',
        mode: `0o${(mode & 0o7777).toString(8)}`,
        uid: Number(stat.st_uid),
        gid: Number(stat.st_gid),
        mtime: Number(stat.st_mtime_sec),
        ino: Number(stat.st_ino),
        nlink: Number(stat.st_nlink),
        size: Number(stat.st_size),
      };
      if (wanted === undefined) listed.push(all);
      else listed.push({ ...pick(all, wanted), ...(await contentOf(g, path, wanted)) });
    }
  }
  return listed;
}

function byDirectory(paths: readonly string[]): Map<string, string[]> {
  const directories = new Map<string, string[]>();
  for (const path of paths) {
    const cut = path.lastIndexOf('/');
    const directory = `/${path.slice(0, Math.max(0, cut))}`;
    const names = directories.get(directory);
    if (names === undefined) directories.set(directory, [path.slice(cut + 1)]);
    else names.push(path.slice(cut + 1));
  }
  return directories;
}

function pick(all: ListedFile, wanted: ListedFile): ListedFile {
  return Object.fromEntries(Object.entries(all).filter(([key]) => key in wanted)) as unknown as ListedFile;
}

async function contentOf(g: GuestFS, path: string, wanted: ListedFile): Promise<Partial<ListedFile>> {
  const content: { sha256?: string; target?: string } = {};
  if (wanted.sha256 !== undefined) {
    content.sha256 = createHash('sha256')
      .update(await g.readFile(path))
      .digest('hex');
  }
  if (wanted.target !== undefined) content.target = await g.readlink(path);
  return content;
}

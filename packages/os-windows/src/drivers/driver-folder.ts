import { concatBytes } from '@vmcraft/core/binary';
import { HostError, LimitExceededError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';

/** How deep folders of a driver package or collection may be. */
const MAX_DEPTH = 8;
/** Files that such a folder may have; virtio-win has about 1500. */
const MAX_FILES = 50_000;
/** Bytes of one file. */
const MAX_FILE = 256 << 20;

/** Files of drivers, by path. */
export interface DriverFolder {
  /** For messages. */
  readonly path: string;
  /** Paths relative to the folder with forward slashes, sorted. */
  readonly files: readonly string[];
  /** The file of that relative path in any case, as it is written; undefined when there is none. */
  find(path: string): string | undefined;
  /** The bytes of a file that {@link files} names. */
  read(path: string): Promise<Uint8Array>;
}

/** A folder of the host. Links are not followed. @throws HostError when it is none, LimitExceededError */
export async function openHostFolder(g: Session, path: string): Promise<DriverFolder> {
  const { tree } = g.platform;
  const entry = await tree.lstat(path);
  if (entry === undefined || entry.kind === 'file') {
    const reason = entry === undefined ? 'No such file or directory' : 'not a folder';
    throw new HostError({ path, operation: 'drivers', errno: entry === undefined ? 'ENOENT' : 'ENOTDIR', reason });
  }
  const files: string[] = [];
  const walk = async (folder: string, relative: string, depth: number): Promise<void> => {
    for (const name of await tree.list(folder)) {
      const child = tree.join(folder, name);
      const kind = (await tree.lstat(child))?.kind;
      if (kind === 'file') files.push(`${relative}${name}`);
      else if (kind === 'directory' && depth < MAX_DEPTH) await walk(child, `${relative}${name}/`, depth + 1);
      if (files.length > MAX_FILES) {
        throw new LimitExceededError({ limit: `files in ${path}`, value: files.length, max: MAX_FILES });
      }
    }
  };
  await walk(path, '', 0);
  files.sort();
  return folderOf(path, files, (file) =>
    readHostFile(
      g,
      file.split('/').reduce((at, name) => tree.join(at, name), path),
    ),
  );
}

/** A folder made of paths and a way to read them. */
export function folderOf(
  path: string,
  files: readonly string[],
  read: (path: string) => Promise<Uint8Array>,
): DriverFolder {
  const byName = new Map(files.map((file) => [file.toLowerCase(), file]));
  return { path, files, find: (name) => byName.get(name.toLowerCase()), read };
}

/** What lies below a folder of another. */
export function subFolder(parent: DriverFolder, name: string): DriverFolder {
  if (name === '') return parent;
  const prefix = `${name.toLowerCase()}/`;
  const files = parent.files.filter((file) => file.toLowerCase().startsWith(prefix));
  const cut = files.map((file) => file.slice(prefix.length));
  return folderOf(`${parent.path}/${name}`, cut, (file) => parent.read(`${files[0]!.slice(0, prefix.length)}${file}`));
}

async function readHostFile(g: Session, path: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of g.platform.read(path)) {
    size += chunk.length;
    if (size > MAX_FILE) throw new LimitExceededError({ limit: `size of ${path}`, value: size, max: MAX_FILE });
    parts.push(chunk.slice());
  }
  return concatBytes(parts);
}

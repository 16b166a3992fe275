import { encodeFileName } from '../../binary/index.js';
import {
  type FileType,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_IFSOCK,
} from '../../contracts/index.js';
import { FsError, LimitExceededError } from '../../errors/index.js';
import { walkTree } from '../../vfs/index.js';
import { arg, Bool, defineAction, Filename, FileOut, Pathname, StringList } from '../action.js';
import { caseSensitivePath } from '../case-path.js';
import { expandGlob } from '../glob.js';
import { pourInto } from '../host-bytes.js';
import { longListing } from '../long-listing.js';
import { compareNames } from '../names.js';
import type { Session } from '../session.js';
import type { StructValue } from '../structs.js';

/** Names that a list in memory may have; the functions that write to a file have no limit. */
const MAX_NAMES = 5_000_000;

const directory = arg('directory', Pathname);
const path = arg('path', Pathname);

const LETTERS: ReadonlyMap<number, FileType> = new Map([
  [S_IFBLK, 'b'],
  [S_IFCHR, 'c'],
  [S_IFDIR, 'd'],
  [S_IFIFO, 'f'],
  [S_IFLNK, 'l'],
  [S_IFREG, 'r'],
  [S_IFSOCK, 's'],
]);

async function list(g: Session, dir: string, action: string): Promise<string[]> {
  return (await g.vfs.names(dir, action)).sort(compareNames);
}

/** Entries in the order of the directory, `.` and `..` first. */
async function readdir(g: Session, dir: string): Promise<StructValue<'dirent'>[]> {
  const at = await g.vfs.resolve(dir, 'readdir');
  if (!(await at.isDirectory())) throw new FsError('ENOTDIR', { operation: 'readdir', path: dir });
  const entries: StructValue<'dirent'>[] = [
    { ino: at.node.ino, ftyp: 'd', name: '.' },
    { ino: (at.parent ?? at).node.ino, ftyp: 'd', name: '..' },
  ];
  const { fs } = at.mount;
  for await (const { name, node, type } of fs.readdir(at.node)) {
    const ftyp = type === 'u' ? (LETTERS.get((await fs.stat(node)).mode & 0o170000) ?? 'u') : type;
    entries.push({ ino: node.ino, ftyp, name });
  }
  return entries;
}

async function* find(g: Session, dir: string, action: string): AsyncGenerator<string> {
  const start = await g.vfs.resolve(dir, action);
  if (!(await start.isDirectory())) throw new FsError('ENOTDIR', { operation: action, path: dir });
  for await (const { relative } of walkTree(g.vfs, start, { signal: g.signal })) yield relative;
}

async function findAll(g: Session, dir: string): Promise<string[]> {
  const found: string[] = [];
  for await (const name of find(g, dir, 'find')) {
    if (found.length >= MAX_NAMES) {
      throw new LimitExceededError({ limit: 'names found', value: found.length + 1, max: MAX_NAMES, option: 'find0' });
    }
    found.push(name);
  }
  return found.sort(compareNames);
}

/** Names with a NUL after each. */
async function* terminated(names: AsyncIterable<string> | Iterable<string>): AsyncGenerator<Uint8Array> {
  for await (const name of names) yield encodeFileName(`${name}\0`);
}

async function readlinks(g: Session, dir: string, names: readonly string[]): Promise<string[]> {
  const at = await g.vfs.resolve(dir, 'readlinklist');
  if (!(await at.isDirectory())) throw new FsError('ENOTDIR', { operation: 'readlinklist', path: dir });
  const read = async (name: string): Promise<string> => {
    const found = await g.vfs.child(at, name);
    return found !== undefined && (await found.isLink()) ? found.mount.fs.readlink(found.node) : '';
  };
  return Promise.all(names.map((name) => read(name).catch(() => '')));
}

/** Functions that look into directories and follow links. */
export const fileDirectoryActions = [
  defineAction({
    name: 'ls',
    theme: 'files',
    args: [directory],
    returns: 'RStringList',
    doc: 'Names in a directory, sorted, without `.` and `..`.',
    run: (g, dir) => list(g, dir, 'ls'),
  }),
  defineAction({
    name: 'ls0',
    theme: 'files',
    args: [arg('dir', Pathname), arg('filenames', FileOut)],
    returns: 'void',
    doc: 'Names in a directory, sorted, without `.` and `..`, written to a file of the host with a NUL after each.',
    run: async (g, dir, target) => pourInto(g, target, terminated(await list(g, dir, 'ls0')), 'ls0'),
  }),
  defineAction({
    name: 'll',
    theme: 'files',
    args: [directory],
    returns: 'RString',
    doc: 'A directory as `ls -la` shows it, for people.',
    run: (g, dir) => longListing(g, dir, 'll', false),
  }),
  defineAction({
    name: 'llz',
    theme: 'files',
    args: [directory],
    deprecatedBy: 'lgetxattrs',
    returns: 'RString',
    doc: 'A directory as `ls -laZ` shows it, with SELinux contexts.',
    run: (g, dir) => longListing(g, dir, 'llz', true),
  }),
  defineAction({
    name: 'readdir',
    theme: 'files',
    args: [arg('dir', Pathname)],
    returns: { structList: 'dirent' },
    doc: 'Entries of a directory in its own order, with inode numbers and types; `.` and `..` included.',
    run: readdir,
  }),
  defineAction({
    name: 'find',
    theme: 'files',
    args: [directory],
    returns: 'RStringList',
    doc: 'Everything below a directory, sorted, as paths relative to it.',
    run: findAll,
  }),
  defineAction({
    name: 'find0',
    theme: 'files',
    args: [directory, arg('files', FileOut)],
    returns: 'void',
    doc: 'Everything below a directory, as paths relative to it, unsorted, written to a file of the host with a NUL after each.',
    run: (g, dir, target) => pourInto(g, target, terminated(find(g, dir, 'find0')), 'find0'),
  }),
  defineAction({
    name: 'glob_expand',
    theme: 'files',
    args: [arg('pattern', Pathname)],
    options: { directoryslash: Bool },
    returns: 'RStringList',
    doc: 'Paths that match a shell pattern, sorted. Directories get a slash at the end unless `directoryslash:false`.',
    run: (g, pattern, { directoryslash }) => expandGlob(g, pattern, directoryslash !== false),
  }),
  defineAction({
    name: 'realpath',
    theme: 'files',
    args: [path],
    returns: 'RString',
    doc: 'The path without `.`, `..` and symbolic links.',
    run: (g, name) => g.vfs.realpath(name, 'realpath'),
  }),
  defineAction({
    name: 'case_sensitive_path',
    theme: 'files',
    args: [path],
    returns: 'RString',
    doc: 'The path as it is written on disk, for one whose case may be wrong. The last name need not be there.',
    run: caseSensitivePath,
  }),
  defineAction({
    name: 'readlink',
    theme: 'files',
    args: [path],
    returns: 'RString',
    doc: 'What a symbolic link points at.',
    run: (g, name) => g.vfs.readlink(name, 'readlink'),
  }),
  defineAction({
    name: 'readlinklist',
    theme: 'files',
    args: [path, arg('names', StringList(Filename))],
    returns: 'RStringList',
    doc: 'What many symbolic links in one directory point at; an empty string for a name that is no link.',
    run: readlinks,
  }),
] as const;

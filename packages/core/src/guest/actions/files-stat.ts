import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../../contracts/index.js';
import { FsError } from '../../errors/index.js';
import { arg, Bool, defineAction, Filename, Pathname, StringList } from '../action.js';
import type { Session } from '../session.js';
import { missingStatns, statnsAt, statOf } from '../stat-struct.js';
import type { StructValue } from '../structs.js';

const path = arg('path', Pathname);
const names = arg('names', StringList(Filename));

/** Files looked at together: enough to overlap reads, and a bound on what is held in memory. */
const AT_ONCE = 64;

async function statns(g: Session, name: string, action: string, follow: boolean): Promise<StructValue<'statns'>> {
  return statnsAt(g.vfs, await g.vfs.resolve(name, action, follow));
}

/** lstat(2) of many names in one directory; those that cannot be looked at have inode -1. */
async function lstatList(g: Session, directory: string, list: readonly string[], action: string) {
  const dir = await g.vfs.resolve(directory, action);
  if (!(await dir.isDirectory())) throw new FsError('ENOTDIR', { operation: action, path: directory });
  const stats: StructValue<'statns'>[] = [];
  for (let at = 0; at < list.length; at += AT_ONCE) {
    const some = list.slice(at, at + AT_ONCE).map(async (name) => {
      try {
        const location = await g.vfs.child(dir, name);
        return location === undefined ? missingStatns() : await statnsAt(g.vfs, location);
      } catch {
        return missingStatns();
      }
    });
    stats.push(...(await Promise.all(some)));
  }
  return stats;
}

/** Whether something of a type is at a path; a missing one is not. */
async function isOfType(g: Session, name: string, action: string, type: number, follow = false): Promise<boolean> {
  const location = await g.vfs.find(name, action, follow);
  return location !== undefined && (await location.type()) === type;
}

/** Functions that look at files without opening them. */
export const fileStatActions = [
  defineAction({
    name: 'stat',
    theme: 'files',
    args: [path],
    deprecatedBy: 'statns',
    returns: { struct: 'stat' },
    doc: 'Facts of a file, symbolic links followed, as stat(2).',
    run: async (g, name) => statOf(await statns(g, name, 'stat', true)),
  }),
  defineAction({
    name: 'lstat',
    theme: 'files',
    args: [path],
    deprecatedBy: 'lstatns',
    returns: { struct: 'stat' },
    doc: 'Facts of a file, a symbolic link itself, as lstat(2).',
    run: async (g, name) => statOf(await statns(g, name, 'lstat', false)),
  }),
  defineAction({
    name: 'statns',
    theme: 'files',
    args: [path],
    returns: { struct: 'statns' },
    doc: 'Facts of a file with times in nanoseconds, symbolic links followed.',
    run: (g, name) => statns(g, name, 'statns', true),
  }),
  defineAction({
    name: 'lstatns',
    theme: 'files',
    args: [path],
    returns: { struct: 'statns' },
    doc: 'Facts of a file with times in nanoseconds, a symbolic link itself.',
    run: (g, name) => statns(g, name, 'lstatns', false),
  }),
  defineAction({
    name: 'lstatlist',
    theme: 'files',
    args: [path, names],
    deprecatedBy: 'lstatnslist',
    returns: { structList: 'stat' },
    doc: 'As `lstat` for many names in one directory. A name that is not there has inode -1.',
    run: async (g, name, list) => (await lstatList(g, name, list, 'lstatlist')).map(statOf),
  }),
  defineAction({
    name: 'lstatnslist',
    theme: 'files',
    args: [path, names],
    returns: { structList: 'statns' },
    doc: 'As `lstatns` for many names in one directory. A name that is not there has inode -1.',
    run: (g, name, list) => lstatList(g, name, list, 'lstatnslist'),
  }),
  defineAction({
    name: 'exists',
    theme: 'files',
    args: [path],
    returns: 'RBool',
    doc: 'Whether something is at a path. Links are followed: one that leads nowhere does not exist.',
    run: async (g, name) => (await g.vfs.find(name, 'exists')) !== undefined,
  }),
  defineAction({
    name: 'is_file',
    theme: 'files',
    args: [path],
    options: { followsymlinks: Bool },
    returns: 'RBool',
    doc: 'Whether a regular file is at a path. A link counts as what it leads to only with `followsymlinks`.',
    run: (g, name, { followsymlinks }) => isOfType(g, name, 'is_file', S_IFREG, followsymlinks),
  }),
  defineAction({
    name: 'is_dir',
    theme: 'files',
    args: [path],
    options: { followsymlinks: Bool },
    returns: 'RBool',
    doc: 'Whether a directory is at a path. A link counts as what it leads to only with `followsymlinks`.',
    run: (g, name, { followsymlinks }) => isOfType(g, name, 'is_dir', S_IFDIR, followsymlinks),
  }),
  defineAction({
    name: 'is_symlink',
    theme: 'files',
    args: [path],
    returns: 'RBool',
    doc: 'Whether a symbolic link is at a path.',
    run: (g, name) => isOfType(g, name, 'is_symlink', S_IFLNK),
  }),
  defineAction({
    name: 'is_blockdev',
    theme: 'files',
    args: [path],
    options: { followsymlinks: Bool },
    returns: 'RBool',
    doc: 'Whether a block device node is at a path.',
    run: (g, name, { followsymlinks }) => isOfType(g, name, 'is_blockdev', S_IFBLK, followsymlinks),
  }),
  defineAction({
    name: 'is_chardev',
    theme: 'files',
    args: [path],
    options: { followsymlinks: Bool },
    returns: 'RBool',
    doc: 'Whether a character device node is at a path.',
    run: (g, name, { followsymlinks }) => isOfType(g, name, 'is_chardev', S_IFCHR, followsymlinks),
  }),
  defineAction({
    name: 'is_fifo',
    theme: 'files',
    args: [path],
    options: { followsymlinks: Bool },
    returns: 'RBool',
    doc: 'Whether a named pipe is at a path.',
    run: (g, name, { followsymlinks }) => isOfType(g, name, 'is_fifo', S_IFIFO, followsymlinks),
  }),
  defineAction({
    name: 'is_socket',
    theme: 'files',
    args: [path],
    options: { followsymlinks: Bool },
    returns: 'RBool',
    doc: 'Whether a socket is at a path.',
    run: (g, name, { followsymlinks }) => isOfType(g, name, 'is_socket', S_IFSOCK, followsymlinks),
  }),
  defineAction({
    name: 'filesize',
    theme: 'files',
    args: [arg('file', Pathname)],
    returns: 'RInt64',
    doc: 'Size of a file in bytes.',
    run: async (g, name) => (await g.vfs.statAt(await g.vfs.resolve(name, 'filesize'))).size,
  }),
] as const;

import { FsError } from '../../errors/index.js';
import { type Location, walkTree } from '../../vfs/index.js';
import { arg, Bool, defineAction, Pathname } from '../action.js';
import { copyXattrs, TreeCopy } from '../copy-tree.js';
import type { Session } from '../session.js';

const path = arg('path', Pathname);
const fromTo = [arg('src', Pathname), arg('dest', Pathname)] as const;
const PERMISSIONS = 0o7777;

/** `rm -rf`: nothing there is no error; what is mounted inside is. */
async function removeTree(g: Session, name: string, action: string): Promise<void> {
  const { edit } = g.vfs;
  const start = await g.vfs.find(name.replace(/(?<=.)\/+$/, ''), action, false);
  if (start === undefined) return;
  if (start.parent === undefined)
    throw new FsError('EBUSY', { operation: action, path: name, reason: 'the root directory' });
  if (await start.isDirectory()) {
    for await (const { location } of walkTree(g.vfs, start, {
      depthFirst: true,
      oneFileSystem: true,
      signal: g.signal,
    })) {
      await removeOne(g, location, action);
    }
    await edit.rmdir(start.path, action);
  } else {
    await edit.unlink(start.path, action);
  }
}

/** Remove one object whose directory is known: no path is walked. */
async function removeOne(g: Session, location: Location, action: string): Promise<void> {
  const dir = location.parent;
  if (dir === undefined) return;
  const slot = { dir, name: location.name, existing: location, mustBeDirectory: false };
  const name = location.path;
  if (await location.isDirectory()) await g.vfs.edit.rmdirAt(slot, action, name);
  else await g.vfs.edit.unlinkAt(slot, action, name);
}

/** mv(1): into a directory where the target is one, by copying where rename(2) cannot. */
async function move(g: Session, src: string, dest: string): Promise<void> {
  const { vfs } = g;
  const source = src.replace(/(?<=.)\/+$/, '');
  const from = await vfs.resolve(source, 'mv', false);
  const target = await vfs.find(dest, 'mv');
  const to = target !== undefined && (await target.isDirectory()) ? target.childPath(from.name) : dest;
  const existing = await vfs.find(to, 'mv', false);
  if (existing?.isSame(from) === true && existing.path === from.path) {
    throw new FsError('EINVAL', { operation: 'mv', path: src, reason: `'${src}' and '${to}' are the same file` });
  }
  try {
    await vfs.edit.rename(source, to, 'mv');
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'EXDEV') throw error;
    vfs.edit.writable(from, 'mv', src);
    await new TreeCopy(g, { recursive: true, preserve: true }, 'mv').copy(source, to);
    await removeTree(g, source, 'mv');
  }
}

interface AttributeChoice {
  readonly all?: boolean | undefined;
  readonly mode?: boolean | undefined;
  readonly xattributes?: boolean | undefined;
  readonly ownership?: boolean | undefined;
}

async function copyAttributes(g: Session, src: string, dest: string, choice: AttributeChoice): Promise<void> {
  const { vfs } = g;
  const action = 'copy_attributes';
  const from = await vfs.resolve(src, action);
  const to = await vfs.resolve(dest, action);
  const { mode, uid, gid } = await vfs.statAt(from);
  const wants = (flag: boolean | undefined): boolean => flag ?? choice.all === true;
  vfs.edit.writable(to, action, dest);
  if (wants(choice.ownership)) await vfs.edit.setattrAt(to, { uid, gid }, action, dest);
  if (wants(choice.mode)) await vfs.edit.setattrAt(to, { mode: mode & PERMISSIONS }, action, dest);
  if (wants(choice.xattributes)) await copyXattrs(from, to, (message) => g.warn({ source: action, message }));
}

/** Functions that remove, rename and copy. */
export const fileMoveActions = [
  defineAction({
    name: 'rm',
    theme: 'files',
    args: [path],
    returns: 'void',
    doc: 'Remove a file that is no directory.',
    run: (g, name) => g.vfs.edit.unlink(name, 'rm'),
  }),
  defineAction({
    name: 'rm_f',
    theme: 'files',
    args: [path],
    returns: 'void',
    doc: 'Remove a file that is no directory. One that is not there is no error.',
    run: async (g, name) => {
      try {
        await g.vfs.edit.unlink(name, 'rm_f');
      } catch (error) {
        if (!(error instanceof FsError) || error.code !== 'ENOENT') throw error;
      }
    },
  }),
  defineAction({
    name: 'rm_rf',
    theme: 'files',
    args: [path],
    returns: 'void',
    doc: 'Remove a file or directory with all that is in it. One that is not there is no error.',
    run: (g, name) => removeTree(g, name, 'rm_rf'),
  }),
  defineAction({
    name: 'rmdir',
    theme: 'files',
    args: [path],
    returns: 'void',
    doc: 'Remove an empty directory.',
    run: (g, name) => g.vfs.edit.rmdir(name),
  }),
  defineAction({
    name: 'rename',
    theme: 'files',
    args: [arg('oldpath', Pathname), arg('newpath', Pathname)],
    returns: 'void',
    doc: 'rename(2): another name on the same file system; a file that has it is replaced.',
    run: (g, from, to) => g.vfs.edit.rename(from, to),
  }),
  defineAction({
    name: 'mv',
    theme: 'files',
    args: fromTo,
    returns: 'void',
    doc: 'mv(1): move a file or directory, into the target if that is a directory, and to another file system if need be.',
    run: move,
  }),
  defineAction({
    name: 'cp',
    theme: 'files',
    args: fromTo,
    returns: 'void',
    doc: 'cp(1): copy a file, into the target if that is a directory.',
    run: (g, src, dest) => new TreeCopy(g, { recursive: false, preserve: false }, 'cp').copy(src, dest),
  }),
  defineAction({
    name: 'cp_a',
    theme: 'files',
    args: fromTo,
    returns: 'void',
    doc: '`cp -a`: copy a file or tree with owners, permissions, times, extended attributes and hard links.',
    run: (g, src, dest) => new TreeCopy(g, { recursive: true, preserve: true }, 'cp_a').copy(src, dest),
  }),
  defineAction({
    name: 'cp_r',
    theme: 'files',
    args: fromTo,
    returns: 'void',
    doc: '`cp -rP`: copy a file or tree, symbolic links as links.',
    run: (g, src, dest) => new TreeCopy(g, { recursive: true, preserve: false }, 'cp_r').copy(src, dest),
  }),
  defineAction({
    name: 'copy_attributes',
    theme: 'files',
    args: fromTo,
    options: { all: Bool, mode: Bool, xattributes: Bool, ownership: Bool },
    returns: 'void',
    doc: 'Copy permissions, owner or extended attributes from one file to another: those asked for, or `all`.',
    run: copyAttributes,
  }),
] as const;

import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFREG } from '../../contracts/index.js';
import { FsError, UsageError } from '../../errors/index.js';
import { arg, defineAction, Int, Pathname, PlainString } from '../action.js';
import type { Session } from '../session.js';

const path = arg('path', Pathname);
/** Permission bits with setuid, setgid and sticky; others are cut off, as by the system calls. */
const MODE_BITS = 0o7777;
/** Characters that stand for the six `X` of a template. */
const TEMPLATE = /XXXXXX$/;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
/** Names tried before giving up. */
const ATTEMPTS = 100;

function requireMode(mode: number): void {
  if (mode < 0) throw new UsageError('mode is negative', { argument: 'mode' });
}

async function mkdirAll(g: Session, name: string): Promise<void> {
  const parts = name.split('/').filter((part) => part !== '');
  let at = '';
  for (const part of parts) {
    at += `/${part}`;
    const existing = await g.vfs.find(at, 'mkdir_p');
    if (existing === undefined) await g.vfs.edit.mkdir(at, 0o777, 'mkdir_p');
    else if (!(await existing.isDirectory())) throw new FsError('ENOTDIR', { operation: 'mkdir_p', path: at });
  }
}

/** Make something under a name that is not taken. */
async function makeTemporary(
  g: Session,
  template: string,
  suffix: string,
  action: string,
  make: (name: string) => Promise<unknown>,
): Promise<string> {
  if (!TEMPLATE.test(template)) throw new UsageError("the template must end in 'XXXXXX'", { argument: 'tmpl' });
  if (suffix.includes('/')) throw new UsageError('must not contain a slash', { argument: 'suffix' });
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const random = Array.from(g.platform.randomBytes(6), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
    const name = template.replace(TEMPLATE, random) + suffix;
    try {
      await make(name);
      return name;
    } catch (error) {
      if (!(error instanceof FsError) || error.code !== 'EEXIST') throw error;
    }
  }
  throw new FsError('EEXIST', { operation: action, path: template });
}

async function mknod(g: Session, name: string, mode: number, major: number, minor: number, action: string) {
  if (major < 0 || minor < 0) throw new UsageError('device numbers must not be negative', { argument: 'devmajor' });
  await g.vfs.edit.mknod(name, mode, { major, minor }, action);
}

/** Remove what has the name of a new link, unless that is a directory. */
async function makeRoom(g: Session, name: string, action: string): Promise<void> {
  const taken = await g.vfs.find(name, action, false);
  if (taken !== undefined && !(await taken.isDirectory())) await g.vfs.edit.unlink(name, action);
}

const linkArguments = [arg('target', PlainString), arg('linkname', Pathname)] as const;

async function hardLink(g: Session, target: string, name: string, force: boolean, action: string): Promise<void> {
  if (!target.startsWith('/')) {
    throw new UsageError('the target of a hard link must be an absolute path', { argument: 'target' });
  }
  if (force) await makeRoom(g, name, action);
  await g.vfs.edit.link(target, name, action);
}

/** `ln -s`: into a directory where the name is one. */
async function symbolicLink(g: Session, target: string, name: string, force: boolean, action: string): Promise<void> {
  const existing = await g.vfs.find(name, action);
  const base = target.replace(/\/+$/, '').split('/').at(-1) ?? '';
  const isDirectory = existing !== undefined && (await existing.isDirectory());
  const at = isDirectory ? `${name.replace(/\/+$/, '')}/${base}` : name;
  if (force) await makeRoom(g, at, action);
  await g.vfs.edit.symlink(target, at, action);
}

const mode = arg('mode', Int);
const numbers = [mode, arg('devmajor', Int), arg('devminor', Int), path] as const;

/** Functions that make directories, links, device nodes and temporary files. */
export const fileCreateActions = [
  defineAction({
    name: 'mkdir',
    theme: 'files',
    args: [path],
    returns: 'void',
    doc: 'Make a directory.',
    run: async (g, name) => {
      await g.vfs.edit.mkdir(name, 0o777);
    },
  }),
  defineAction({
    name: 'mkdir_mode',
    theme: 'files',
    args: [path, mode],
    returns: 'void',
    doc: 'Make a directory with these permissions, cut by the umask.',
    run: async (g, name, permissions) => {
      requireMode(permissions);
      await g.vfs.edit.mkdir(name, permissions, 'mkdir_mode');
    },
  }),
  defineAction({
    name: 'mkdir_p',
    theme: 'files',
    args: [path],
    returns: 'void',
    doc: 'Make a directory and those above it, where they are missing.',
    run: mkdirAll,
  }),
  defineAction({
    name: 'mkdtemp',
    theme: 'files',
    args: [arg('tmpl', Pathname)],
    returns: 'RString',
    doc: 'Make a directory with a new name, for which the template that ends in `XXXXXX` is filled in; mode 0700. Gives the name.',
    run: (g, template) => makeTemporary(g, template, '', 'mkdtemp', (name) => g.vfs.edit.mkdir(name, 0o700, 'mkdtemp')),
  }),
  defineAction({
    name: 'mktemp',
    theme: 'files',
    args: [arg('tmpl', Pathname)],
    options: { suffix: PlainString },
    returns: 'RString',
    doc: 'Make an empty file with a new name, for which the template that ends in `XXXXXX` is filled in; mode 0600. Gives the name, with `suffix` at its end.',
    run: (g, template, { suffix = '' }) =>
      makeTemporary(g, template, suffix, 'mktemp', (name) =>
        g.vfs.edit.mknod(name, S_IFREG | 0o600, undefined, 'mktemp'),
      ),
  }),
  defineAction({
    name: 'mkfifo',
    theme: 'files',
    group: 'mknod',
    args: [mode, path],
    returns: 'void',
    doc: 'Make a named pipe with these permissions, cut by the umask.',
    run: async (g, permissions, name) => {
      requireMode(permissions);
      await mknod(g, name, S_IFIFO | (permissions & MODE_BITS), 0, 0, 'mkfifo');
    },
  }),
  defineAction({
    name: 'mknod',
    theme: 'files',
    group: 'mknod',
    args: numbers,
    returns: 'void',
    doc: 'Make a device node, pipe or socket: the mode has the type bits of mknod(2); without them it is a regular file.',
    run: async (g, bits, major, minor, name) => {
      requireMode(bits);
      await mknod(g, name, bits, major, minor, 'mknod');
    },
  }),
  defineAction({
    name: 'mknod_b',
    theme: 'files',
    group: 'mknod',
    args: numbers,
    returns: 'void',
    doc: 'Make a block device node.',
    run: async (g, permissions, major, minor, name) => {
      requireMode(permissions);
      await mknod(g, name, S_IFBLK | (permissions & MODE_BITS), major, minor, 'mknod_b');
    },
  }),
  defineAction({
    name: 'mknod_c',
    theme: 'files',
    group: 'mknod',
    args: numbers,
    returns: 'void',
    doc: 'Make a character device node.',
    run: async (g, permissions, major, minor, name) => {
      requireMode(permissions);
      await mknod(g, name, S_IFCHR | (permissions & MODE_BITS), major, minor, 'mknod_c');
    },
  }),
  defineAction({
    name: 'ln',
    theme: 'files',
    args: linkArguments,
    returns: 'void',
    doc: 'Make a hard link, as ln(1).',
    run: (g, target, name) => hardLink(g, target, name, false, 'ln'),
  }),
  defineAction({
    name: 'ln_f',
    theme: 'files',
    args: linkArguments,
    returns: 'void',
    doc: 'Make a hard link, as `ln -f`: a file that has the name is removed.',
    run: (g, target, name) => hardLink(g, target, name, true, 'ln_f'),
  }),
  defineAction({
    name: 'ln_s',
    theme: 'files',
    args: linkArguments,
    returns: 'void',
    doc: 'Make a symbolic link, as `ln -s`. The target is stored as it is.',
    run: (g, target, name) => symbolicLink(g, target, name, false, 'ln_s'),
  }),
  defineAction({
    name: 'ln_sf',
    theme: 'files',
    args: linkArguments,
    returns: 'void',
    doc: 'Make a symbolic link, as `ln -sf`: a file that has the name is removed.',
    run: (g, target, name) => symbolicLink(g, target, name, true, 'ln_sf'),
  }),
] as const;

import type { SetAttributes, Timestamp } from '../../contracts/index.js';
import { UsageError } from '../../errors/index.js';
import { arg, defineAction, Int, Int64, Pathname } from '../action.js';
import { detectArchitecture } from '../architecture.js';
import type { Session } from '../session.js';

const path = arg('path', Pathname);
const MODE_MAX = 0o7777;
const UMASK_MAX = 0o777;
/** Values of the nanosecond arguments of `utimens`: now, and leave it. */
const NOW = -1;
const OMIT = -2;
const NANOSECONDS = 1_000_000_000;

/** Owner and group for chown(2), where -1 leaves one as it is. */
function owners(owner: number, group: number): SetAttributes {
  return { ...(owner === -1 ? {} : { uid: owner >>> 0 }), ...(group === -1 ? {} : { gid: group >>> 0 }) };
}

function timestamp(g: Session, sec: number, nsec: number, argument: string): Timestamp | undefined {
  if (nsec === OMIT) return undefined;
  if (nsec === NOW) return g.platform.now();
  if (nsec < 0 || nsec >= NANOSECONDS) throw new UsageError(`${nsec} is no number of nanoseconds`, { argument });
  return { sec, nsec };
}

/** Functions that change who owns a file, what may be done with it, and its times. */
export const fileAttributeActions = [
  defineAction({
    name: 'chmod',
    theme: 'files',
    args: [arg('mode', Int), path],
    returns: 'void',
    doc: 'Set the permissions of a file. In scripts, octal numbers start with 0.',
    run: (g, mode, name) => {
      if (mode < 0 || mode > MODE_MAX) throw new UsageError('mode is negative or > 07777', { argument: 'mode' });
      return g.vfs.edit.setattr(name, { mode }, 'chmod');
    },
  }),
  defineAction({
    name: 'chown',
    theme: 'files',
    args: [arg('owner', Int), arg('group', Int), path],
    returns: 'void',
    doc: 'Set the owner and group of a file by number; -1 leaves one as it is.',
    run: (g, owner, group, name) => g.vfs.edit.setattr(name, owners(owner, group), 'chown'),
  }),
  defineAction({
    name: 'lchown',
    theme: 'files',
    args: [arg('owner', Int), arg('group', Int), path],
    returns: 'void',
    doc: 'As `chown`, for a symbolic link itself.',
    run: (g, owner, group, name) => g.vfs.edit.setattr(name, owners(owner, group), 'lchown', false),
  }),
  defineAction({
    name: 'utimens',
    theme: 'files',
    args: [path, arg('atsecs', Int64), arg('atnsecs', Int64), arg('mtsecs', Int64), arg('mtnsecs', Int64)],
    returns: 'void',
    doc: 'Set the access and modification times of a file. Nanoseconds of -1 stand for now, -2 leaves that time as it is.',
    run: (g, name, atsecs, atnsecs, mtsecs, mtnsecs) => {
      const atime = timestamp(g, atsecs, atnsecs, 'atnsecs');
      const mtime = timestamp(g, mtsecs, mtnsecs, 'mtnsecs');
      const times = { ...(atime === undefined ? {} : { atime }), ...(mtime === undefined ? {} : { mtime }) };
      return g.vfs.edit.setattr(name, times, 'utimens');
    },
  }),
  defineAction({
    name: 'umask',
    theme: 'files',
    args: [arg('mask', Int)],
    returns: 'RInt',
    doc: 'Set the permissions that new files do not get. Gives the mask from before; it is 022 at first.',
    run: (g, mask) => {
      if (mask < 0 || mask > UMASK_MAX) throw new UsageError('mask is negative or > 0777', { argument: 'mask' });
      const before = g.vfs.umask;
      g.vfs.umask = mask;
      return before;
    },
  }),
  defineAction({
    name: 'get_umask',
    theme: 'files',
    args: [],
    returns: 'RInt',
    doc: 'The permissions that new files do not get.',
    run: (g) => g.vfs.umask,
  }),
  defineAction({
    name: 'file_architecture',
    theme: 'files',
    args: [arg('filename', Pathname)],
    returns: 'RString',
    doc: 'The processor that a program, library, kernel module or initrd is for: `x86_64`, `aarch64`, `i386` …',
    run: detectArchitecture,
  }),
] as const;

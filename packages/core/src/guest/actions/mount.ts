import { FsError, UsageError } from '../../errors/index.js';
import { arg, Bool, Dev_or_Path, defineAction, Int, Mountable, Pathname, PlainString } from '../action.js';
import { parseMountable } from '../mountable.js';
import { unavailable } from './unavailable.js';

const FUSE = 'exporting a guest to a local mount point needs FUSE, which no backend here has';
const mountable = arg('mountable', Mountable);
const mountpoint = arg('mountpoint', PlainString);

/** Functions that lay file systems over directories. */
export const mountActions = [
  defineAction({
    name: 'mount',
    theme: 'mount',
    args: [mountable, mountpoint],
    returns: 'void',
    doc: 'Mount a file system of the guest on a directory. The first one goes on `/`; others on directories that exist. It is writable if its drive is.',
    run: (g, source, path) => g.mounts.mount({ mountable: source, mountpoint: path }),
  }),
  defineAction({
    name: 'mount_ro',
    theme: 'mount',
    args: [mountable, mountpoint],
    returns: 'void',
    doc: 'As `mount`, with the option `ro`: nothing on it can be changed.',
    run: (g, source, path) => g.mounts.mount({ mountable: source, mountpoint: path, options: 'ro' }),
  }),
  defineAction({
    name: 'mount_options',
    theme: 'mount',
    args: [arg('options', PlainString), mountable, mountpoint],
    returns: 'void',
    doc: 'As `mount`, with options as of mount(8) `-o`, separated by commas. Those that make no difference in-process (`noatime`, `nodev` …) are accepted.',
    run: (g, options, source, path) => g.mounts.mount({ mountable: source, mountpoint: path, options }),
  }),
  defineAction({
    name: 'mount_vfs',
    theme: 'mount',
    args: [arg('options', PlainString), arg('vfstype', PlainString), mountable, mountpoint],
    returns: 'void',
    doc: 'As `mount`, with options as of mount(8) `-o` and the file-system type as of `-t`.',
    run: (g, options, type, source, path) => g.mounts.mount({ mountable: source, mountpoint: path, options, type }),
  }),
  defineAction({
    name: 'mount_loop',
    theme: 'mount',
    args: [arg('file', Pathname), arg('mountpoint', Pathname)],
    returns: 'void',
    doc: 'Mount the file system inside a file of the guest.',
    run: (g, file, path) => g.mounts.mountLoop(file, path),
  }),
  defineAction({
    name: 'mount_9p',
    theme: 'mount',
    args: [arg('mounttag', PlainString), mountpoint],
    options: { options: PlainString },
    deprecatedBy: '(none)',
    returns: 'void',
    doc: 'Does nothing and fails, as in libguestfs.',
    run: () => {
      throw unavailable('mount_9p', '9p file systems are not supported');
    },
  }),
  defineAction({
    name: 'mount_local',
    theme: 'mount',
    args: [arg('localmountpoint', PlainString)],
    options: { readonly: Bool, options: PlainString, cachetimeout: Int, debugcalls: Bool },
    returns: 'void',
    doc: 'Export the guest to a directory of the host. Not available in-process: use copy-out, tar-out or download.',
    run: () => {
      throw unavailable('mount_local', FUSE);
    },
  }),
  defineAction({
    name: 'mount_local_run',
    theme: 'mount',
    args: [],
    returns: 'void',
    doc: 'Serve a local mount point. Not available in-process.',
    run: () => {
      throw unavailable('mount_local_run', FUSE);
    },
  }),
  defineAction({
    name: 'umount_local',
    theme: 'mount',
    args: [],
    options: { retry: Bool },
    returns: 'void',
    doc: 'End a local mount point. Not available in-process.',
    run: () => {
      throw unavailable('umount_local', FUSE);
    },
  }),
  defineAction({
    name: 'umount',
    theme: 'mount',
    aliases: ['unmount'],
    args: [arg('pathordevice', Dev_or_Path)],
    options: { force: Bool, lazyunmount: Bool },
    returns: 'void',
    doc: 'Unmount a file system, named by its mount point or its device. Nothing may be mounted inside it, unless `force` or `lazyunmount` is given: then what is inside goes first.',
    run: async (g, pathOrDevice, { force, lazyunmount }) => {
      await g.mounts.umount(pathOrDevice, force === true || lazyunmount === true);
    },
  }),
  defineAction({
    name: 'umount_all',
    theme: 'mount',
    aliases: ['unmount-all'],
    args: [],
    returns: 'void',
    doc: 'Unmount everything, inner mounts first.',
    run: (g) => g.mounts.umountAll(),
  }),
  defineAction({
    name: 'remount',
    theme: 'mount',
    args: [arg('mountpoint', Pathname)],
    options: { rw: Bool },
    returns: 'void',
    doc: 'Make a mounted file system writable (`rw:true`) or read-only (`rw:false`).',
    run: async (g, path, { rw }) => {
      if (rw === undefined) throw new UsageError('the option rw must be given', { argument: 'rw' });
      await g.mounts.remount(path, !rw);
    },
  }),
  defineAction({
    name: 'mounts',
    theme: 'mount',
    args: [],
    returns: 'RStringList',
    doc: 'What is mounted, in the order in which it was mounted.',
    run: (g) => g.mounts.list().map(({ source }) => source),
  }),
  defineAction({
    name: 'mountpoints',
    theme: 'mount',
    args: [],
    returns: 'RHashtable',
    doc: 'What is mounted and where: mountables and directories.',
    run: (g) => Object.fromEntries(g.mounts.list().map(({ source, path }) => [source, path])),
  }),
  defineAction({
    name: 'mountable_device',
    theme: 'mount',
    args: [mountable],
    returns: 'RString',
    doc: 'The device of a mountable.',
    run: (_g, text) => parseMountable(text).device,
  }),
  defineAction({
    name: 'mountable_subvolume',
    theme: 'mount',
    args: [mountable],
    returns: 'RString',
    doc: 'The subvolume of a mountable. Fails with EINVAL when it names none.',
    run: (_g, text) => {
      const { subvolume } = parseMountable(text);
      if (subvolume !== undefined) return subvolume;
      throw new FsError('EINVAL', { operation: 'mountable_subvolume', path: text, reason: 'not a btrfs subvolume' });
    },
  }),
  defineAction({
    name: 'mkmountpoint',
    theme: 'mount',
    args: [arg('exemptpath', PlainString)],
    returns: 'void',
    doc: 'Make a directory to mount on before anything is mounted on `/`.',
    run: async (g, path) => {
      requireAbsolute(path);
      await g.vfs.edit.mkdir(path, 0o777, 'mkmountpoint');
    },
  }),
  defineAction({
    name: 'rmmountpoint',
    theme: 'mount',
    args: [arg('exemptpath', PlainString)],
    returns: 'void',
    doc: 'Remove a directory that `mkmountpoint` made.',
    run: (g, path) => {
      requireAbsolute(path);
      return g.vfs.edit.rmdir(path, 'rmmountpoint');
    },
  }),
] as const;

function requireAbsolute(path: string): void {
  if (!path.startsWith('/'))
    throw new UsageError("must be an absolute path that starts with '/'", { argument: 'exemptpath' });
}

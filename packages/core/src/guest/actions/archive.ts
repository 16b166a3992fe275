import { arg, Bool, defineAction, FileIn, FileOut, Pathname, PlainString, StringList } from '../action.js';
import { copyIn, copyOut, tarIn, tarOut } from '../archive/transfer.js';

const tarfile = arg('tarfile', FileIn);
const tarball = arg('tarball', FileOut);
const directory = arg('directory', Pathname);

/** Functions that move trees of files between host and guest. */
export const archiveActions = [
  defineAction({
    name: 'tar_in',
    theme: 'archive-transfer',
    args: [tarfile, directory],
    options: { compress: PlainString, xattrs: Bool, selinux: Bool, acls: Bool, keepdirlink: Bool },
    returns: 'void',
    doc: 'Unpack a tar archive of the host (`-`: standard input) into a directory. Owners (by number), permissions and times are kept; extended attributes, SELinux contexts and access lists when asked for. `compress` is `gzip`, `bzip2`, `xz`, `zstd` … Files in the way are replaced. With `keepdirlink`, links to directories stay where the archive has a directory.',
    run: (g, source, name, options) => tarIn(g, source, name, options, 'tar_in'),
  }),
  defineAction({
    name: 'tar_out',
    theme: 'archive-transfer',
    args: [arg('directory', PlainString), arg('tarfile', FileOut)],
    options: {
      compress: PlainString,
      numericowner: Bool,
      excludes: StringList(PlainString),
      xattrs: Bool,
      selinux: Bool,
      acls: Bool,
    },
    returns: 'void',
    doc: 'Pack a directory into a tar archive on the host (`-`: standard output). Owners get the names that the guest has for them, unless `numericowner`. `excludes` are patterns as of `tar --exclude`.',
    run: (g, name, target, options) => tarOut(g, name, target, options, 'tar_out'),
  }),
  defineAction({
    name: 'tgz_in',
    theme: 'archive-transfer',
    deprecatedBy: 'tar_in',
    args: [arg('tarball', FileIn), directory],
    returns: 'void',
    doc: 'Unpack a gzip-compressed tar archive of the host into a directory.',
    run: (g, source, name) => tarIn(g, source, name, { compress: 'gzip' }, 'tgz_in'),
  }),
  defineAction({
    name: 'tgz_out',
    theme: 'archive-transfer',
    deprecatedBy: 'tar_out',
    args: [directory, tarball],
    returns: 'void',
    doc: 'Pack a directory into a gzip-compressed tar archive on the host.',
    run: (g, name, target) => tarOut(g, name, target, { compress: 'gzip' }, 'tgz_out'),
  }),
  defineAction({
    name: 'txz_in',
    theme: 'archive-transfer',
    group: 'xz',
    deprecatedBy: 'tar_in',
    args: [arg('tarball', FileIn), directory],
    returns: 'void',
    doc: 'Unpack an xz-compressed tar archive of the host into a directory.',
    run: (g, source, name) => tarIn(g, source, name, { compress: 'xz' }, 'txz_in'),
  }),
  defineAction({
    name: 'txz_out',
    theme: 'archive-transfer',
    group: 'xz',
    deprecatedBy: 'tar_out',
    args: [directory, tarball],
    returns: 'void',
    doc: 'Pack a directory into an xz-compressed tar archive on the host.',
    run: (g, name, target) => tarOut(g, name, target, { compress: 'xz' }, 'txz_out'),
  }),
  defineAction({
    name: 'copy_in',
    theme: 'archive-transfer',
    args: [arg('localpath', PlainString), arg('remotedir', Pathname)],
    returns: 'void',
    doc: 'Copy a file or directory of the host, with everything in it, into a directory of the guest, which must exist. Owners, permissions, times and links are kept.',
    run: (g, local, remote) => copyIn(g, local, remote, 'copy_in'),
  }),
  defineAction({
    name: 'copy_out',
    theme: 'archive-transfer',
    args: [arg('remotepath', Pathname), arg('localdir', PlainString)],
    returns: 'void',
    doc: 'Copy a file or directory of the guest, with everything in it, into a folder of the host, which must exist. Links that lead out of the copy, device nodes, pipes and sockets are left out with a warning; owners and set-id bits are not taken over.',
    run: (g, remote, local) => copyOut(g, remote, local, 'copy_out'),
  }),
] as const;

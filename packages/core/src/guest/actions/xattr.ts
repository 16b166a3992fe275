import { arg, defineAction, Filename, Int, Pathname, PlainString, StringList } from '../action.js';
import { getXattr, removeXattrAt, setXattr, xattrList, xattrsAt } from '../xattrs.js';

const path = arg('path', Pathname);
const xattr = arg('xattr', PlainString);
const valueArgs = [xattr, arg('val', PlainString), arg('vallen', Int), path] as const;
const theme = 'xattr';
const group = 'linuxxattrs';

/** Functions on extended attributes; those that begin with `l` work on a symbolic link itself. */
export const xattrActions = [
  defineAction({
    name: 'getxattr',
    theme,
    group,
    args: [path, arg('name', PlainString)],
    returns: 'RBufferOut',
    doc: 'The value of an extended attribute, by its name with the namespace (`user.mime_type`).',
    run: (g, name, attribute) => getXattr(g, name, attribute, true, 'getxattr'),
  }),
  defineAction({
    name: 'lgetxattr',
    theme,
    group,
    args: [path, arg('name', PlainString)],
    returns: 'RBufferOut',
    doc: 'As `getxattr`, of a symbolic link itself.',
    run: (g, name, attribute) => getXattr(g, name, attribute, false, 'lgetxattr'),
  }),
  defineAction({
    name: 'getxattrs',
    theme,
    group,
    args: [path],
    returns: { structList: 'xattr' },
    doc: 'All extended attributes of a file or directory.',
    run: async (g, name) => xattrsAt(await g.vfs.resolve(name, 'getxattrs')),
  }),
  defineAction({
    name: 'lgetxattrs',
    theme,
    group,
    args: [path],
    returns: { structList: 'xattr' },
    doc: 'As `getxattrs`, of a symbolic link itself.',
    run: async (g, name) => xattrsAt(await g.vfs.resolve(name, 'lgetxattrs', false)),
  }),
  defineAction({
    name: 'lxattrlist',
    theme,
    group,
    args: [path, arg('names', StringList(Filename))],
    returns: { structList: 'xattr' },
    doc: 'Extended attributes of many names in one directory as one flat list: for each name an entry without `attrname`, whose value is the number of attributes that follow (empty when they could not be read), and then those.',
    run: xattrList,
  }),
  defineAction({
    name: 'setxattr',
    theme,
    group,
    args: valueArgs,
    returns: 'void',
    doc: 'Set an extended attribute to the first `vallen` bytes of `val`.',
    run: (g, attribute, text, length, name) => setXattr(g, name, attribute, { text, length }, true, 'setxattr'),
  }),
  defineAction({
    name: 'lsetxattr',
    theme,
    group,
    args: valueArgs,
    returns: 'void',
    doc: 'As `setxattr`, of a symbolic link itself.',
    run: (g, attribute, text, length, name) => setXattr(g, name, attribute, { text, length }, false, 'lsetxattr'),
  }),
  defineAction({
    name: 'removexattr',
    theme,
    group,
    args: [xattr, path],
    returns: 'void',
    doc: 'Remove an extended attribute.',
    run: async (g, attribute, name) =>
      removeXattrAt(g, await g.vfs.resolve(name, 'removexattr'), attribute, 'removexattr', name),
  }),
  defineAction({
    name: 'lremovexattr',
    theme,
    group,
    args: [xattr, path],
    returns: 'void',
    doc: 'As `removexattr`, of a symbolic link itself.',
    run: async (g, attribute, name) =>
      removeXattrAt(g, await g.vfs.resolve(name, 'lremovexattr', false), attribute, 'lremovexattr', name),
  }),
] as const;
